# Commands that need a database for themselves are not held up by the engine.
use strict;
use warnings;

use AngzarrNode;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# The server itself waits five seconds for sessions to go before it gives up.
use constant QUICK => 3;

my $node = angzarr_node('main');

$node->safe_psql('postgres', 'CREATE ROLE owner LOGIN CREATEDB');
$node->safe_psql('postgres', 'CREATE ROLE stranger LOGIN CREATEDB');

# A database of the owner with a running engine.
sub make_database
{
	my ($name) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $name OWNER owner");
	$node->safe_psql($name, 'CREATE EXTENSION angzarr');
	engine_runs($node, $name, "an engine runs in database $name");
}

# Passes when the owner, no superuser, can run this at once.
sub is_quick
{
	my ($sql, $name) = @_;
	my ($status, $stdout, $stderr);
	my $seconds = seconds_of(
		sub {
			($status, $stdout, $stderr) =
			  $node->psql('postgres', $sql, extra_params => [ '-U', 'owner' ]);
		});

	is($stderr, '', "$name: no complaint");
	cmp_ok($seconds, '<', QUICK, "$name: no waiting");
}

make_database('a');
is_quick('ALTER DATABASE a RENAME TO b', 'the owner renames');
engine_runs($node, 'b', 'the engine is back under the new name');
is_quick('CREATE DATABASE c TEMPLATE b', 'the owner copies');
engine_runs($node, 'b', 'the template has its engine again');
engine_runs($node, 'c', 'and the copy has one');
is_quick('DROP DATABASE b', 'the owner drops');
is_quick('DROP DATABASE c WITH (FORCE)', 'the owner drops with force');
ok( $node->poll_query_until('postgres',
		"SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'angzarr engine'"),
	'no engine is left');

# SET TABLESPACE needs the superuser's tablespace, granted to the owner.
my $space = PostgreSQL::Test::Utils::tempdir_short();
$node->safe_psql('postgres', "CREATE TABLESPACE space LOCATION '$space'");
$node->safe_psql('postgres', 'GRANT CREATE ON TABLESPACE space TO owner');
make_database('d');
is_quick('ALTER DATABASE d SET TABLESPACE space', 'the owner moves');
engine_runs($node, 'd', 'the engine is back in the moved database');

# Somebody else can neither do it nor stop the engine by trying.
my $pid = engine_pid($node, 'd');
foreach my $sql (
	'ALTER DATABASE d RENAME TO e',
	'DROP DATABASE d',
	'CREATE DATABASE e TEMPLATE d',
	'ALTER DATABASE d SET TABLESPACE pg_default')
{
	my ($status, $stdout, $stderr) =
	  $node->psql('postgres', $sql, extra_params => [ '-U', 'stranger' ]);

	like($stderr, qr/must be owner|permission denied/, "a stranger may not: $sql");
}
is(engine_pid($node, 'd'), $pid, 'and the engine went on');

# A command that fails after the engine was stopped lets it come back.
my ($status, $stdout, $stderr) =
  $node->psql('postgres', 'ALTER DATABASE d RENAME TO postgres', extra_params => [ '-U', 'owner' ]);
like($stderr, qr/already exists/, 'renaming to a name that is taken fails');
engine_runs($node, 'd', 'the engine comes back after a command that failed');
$node->safe_psql('postgres', 'ALTER DATABASE d IS_TEMPLATE true');
($status, $stdout, $stderr) = $node->psql('postgres', 'DROP DATABASE d');
like($stderr, qr/cannot drop a template/, 'dropping a template fails');
engine_runs($node, 'd', 'the engine comes back after that too');
$node->safe_psql('postgres', 'ALTER DATABASE d IS_TEMPLATE false');

# One that cannot begin inside a transaction block leaves no hold behind.
$node->psql('postgres', 'BEGIN; DROP DATABASE d; COMMIT');
engine_runs($node, 'd', 'the engine is there after DROP DATABASE in a transaction block');
$node->safe_psql('postgres', 'DROP DATABASE d');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_database WHERE datname = 'd'"), 0,
	'the database can be dropped in the end');

$node->stop;
done_testing();
