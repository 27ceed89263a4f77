# Settings reach the engine: for all databases, for one, and by a reload.
use strict;
use warnings;

use AngzarrNode;
use IO::Socket::UNIX;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = angzarr_node('main');
my $directory = PostgreSQL::Test::Utils::tempdir_short();

# Passes when view workers shows that the engine listens there.
sub listens
{
	my ($database, $where, $name) = @_;
	ok( $node->poll_query_until($database,
			"SELECT listening = '$where' FROM angzarr.workers"
			  . " WHERE database = '$database' AND state = 'running'"),
		$name);
}

# Sends PINGs to the engine at that socket, up to so many: how many it answers, and the code by which
# it ends the connection, if it does.
sub ping
{
	my ($path, $count) = @_;
	my $socket = IO::Socket::UNIX->new(Peer => $path) or die "no connection to $path: $!";
	my ($said, $answers) = ('', 0);

	local $SIG{PIPE} = 'IGNORE';
	syswrite $socket, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" . pack('CnCCN', 0, 0, 4, 0, 0);
	for (my $sent = 50; $sent <= $count; $sent += 50)
	{
		syswrite $socket, pack('CnCCNa8', 0, 8, 6, 0, 0, 'there?') x 50;
		while ($answers < $sent)
		{
			sysread($socket, $said, 65536, length $said) or return ($answers, undef);
			while (length $said >= 9 && length $said >= 9 + unpack('xn', $said))
			{
				my (undef, $length, $type) = unpack('CnC', $said);

				$answers++ if $type == 6;
				return ($answers, unpack('x13N', $said)) if $type == 7;
				$said = substr($said, 9 + $length);
			}
		}
	}
	return ($answers, undef);
}

$node->safe_psql('postgres', 'CREATE DATABASE one');
$node->safe_psql('one', 'CREATE EXTENSION angzarr');
listens('one', 'nothing', 'an engine listens nowhere until told to');

# One database only.
$node->safe_psql('postgres', "ALTER DATABASE one SET angzarr.socket_directory = '$directory'");
listens('one', "$directory/.s.angzarr.1310", 'ALTER DATABASE SET reaches the engine by itself');
my $pid = engine_pid($node, 'one');
$node->safe_psql('postgres', "ALTER DATABASE one SET work_mem = '8MB'");
is(engine_pid($node, 'one'), $pid, 'other settings do not disturb it');
my $started_at = "SELECT started_at FROM angzarr.workers WHERE database = 'one'";
my $since = $node->safe_psql('one', $started_at);
$node->safe_psql('postgres', 'CREATE ROLE stranger');
$node->safe_psql('one', <<'SQL');
SET ROLE stranger;
DO $$
BEGIN
    ALTER DATABASE one SET angzarr.listen_port = 1312;
EXCEPTION WHEN insufficient_privilege THEN
    NULL;
END
$$;
SQL
is($node->safe_psql('one', "$started_at AND state = 'running'"),
	$since, 'nor does who may not set them, and catches that error');
$node->safe_psql('postgres', 'ALTER DATABASE one SET angzarr.listen_port = 1311');
listens('one', "$directory/.s.angzarr.1311", 'so does the port');
$node->safe_psql('postgres', 'ALTER DATABASE one RESET ALL');
listens('one', 'nothing', 'and RESET ALL');

# All databases, by a reload.
$node->safe_psql('postgres', "ALTER SYSTEM SET angzarr.socket_directory = '$directory'");
$node->reload;
listens('one', "$directory/.s.angzarr.1310", 'a reload with another address restarts the engine');
$pid = engine_pid($node, 'one');
my $offset = -s $node->logfile;
$node->safe_psql('postgres', "ALTER SYSTEM SET angzarr.max_pages_per_book = 7");
$node->reload;
$node->safe_psql('one', "SELECT angzarr.register_aggregate('order', 'grpc://localhost:1')");
is(engine_pid($node, 'one'), $pid, 'a reload without one does not');

# A client that keeps the engine busy with frames that are no calls.
is_deeply([ ping("$directory/.s.angzarr.1310", 900) ],
	[ 900, undef ], 'a client may send hundreds of PINGs a second');
my (undef, $code) = ping("$directory/.s.angzarr.1310", 5000);
is($code, 11, 'one that sends far more is told to calm down');

# Addresses that cannot be had: said once, shown, and tried again.
$offset = -s $node->logfile;
$node->safe_psql('postgres', "ALTER SYSTEM SET angzarr.socket_directory = '$directory/missing'");
$node->reload;
ok( $node->poll_query_until('one',
		"SELECT message LIKE '%missing%' FROM angzarr.workers WHERE database = 'one'"),
	'view workers shows why an engine cannot listen');
mkdir "$directory/missing";
listens('one', "$directory/missing/.s.angzarr.1310", 'and it listens when it can');
is(log_counts($node, qr/WARNING:  angzarr does not serve database "one"/, $offset), 1,
	'the log has one warning');

# What the database says of sessions does not reach the engine.
$node->safe_psql('postgres', 'ALTER DATABASE one SET default_transaction_read_only = on');
$node->safe_psql('postgres', 'ALTER DATABASE one SET default_transaction_isolation = serializable');
$node->safe_psql('postgres', 'ALTER DATABASE one SET statement_timeout = 1');
$node->safe_psql('postgres', 'ALTER DATABASE one SET search_path = nowhere');
$pid = engine_pid($node, 'one');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
new_engine_runs($node, 'one', $pid, 'an engine starts in a database with odd settings');
ok( $node->poll_query_until('postgres',
		"SELECT count(*) = 1 FROM pg_stat_activity"
		  . " WHERE backend_type = 'angzarr engine' AND state = 'idle' AND xact_start IS NULL"),
	'and rests with no transaction open');
is(log_counts($node, qr/could not read the registered components/, $offset), 0,
	'having read what is registered');

# Who may set them.
$node->safe_psql('postgres', 'CREATE ROLE somebody LOGIN');
my ($status, $stdout, $stderr) = $node->psql('postgres',
	"SET angzarr.listen_port = 1", extra_params => [ '-U', 'somebody' ]);
like($stderr, qr/permission denied to set parameter/, 'only administrators set them');
($status, $stdout, $stderr) = $node->psql('postgres', "SET angzarr.socket_directory = 'here'");
like($stderr, qr/must be an absolute path/, 'a socket directory is an absolute path');
($status, $stdout, $stderr) = $node->psql('postgres', "SET angzarr.listen_prot = 1");
like($stderr, qr/invalid configuration parameter name/, 'a misspelt name is an error');

$node->stop;
done_testing();
