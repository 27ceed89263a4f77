# The engine is where the extension is: without a restart, and after one.
use strict;
use warnings;

use AngzarrNode;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = angzarr_node('main', 'max_prepared_transactions = 2');

$node->safe_psql('postgres', 'CREATE DATABASE one');
$node->safe_psql('postgres', 'CREATE DATABASE two');
$node->safe_psql('postgres', 'CREATE DATABASE without');
is( $node->safe_psql('postgres',
		"SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'angzarr supervisor'"),
	1, 'one supervisor runs');

$node->safe_psql('one', 'CREATE EXTENSION angzarr');
engine_runs($node, 'one', 'CREATE EXTENSION starts an engine without a restart');
$node->safe_psql('two', 'CREATE EXTENSION angzarr');
engine_runs($node, 'two', 'each database with the extension has its own');
engine_runs($node, 'one', 'the first one stays');

ok( $node->poll_query_until('one',
		"SELECT count(*) = 2 FROM angzarr.workers WHERE state = 'running' AND pid IS NOT NULL"),
	'view workers shows both, running');

# A rolled back CREATE EXTENSION is none.
$node->safe_psql('without', 'BEGIN; CREATE EXTENSION angzarr; ROLLBACK');
$node->safe_psql('without', 'BEGIN; SAVEPOINT s; CREATE EXTENSION angzarr; ROLLBACK TO s; COMMIT');
ok( $node->poll_query_until('one',
		"SELECT count(*) = 2 FROM angzarr.workers"),
	'a rolled back CREATE EXTENSION leaves no engine and no row');
is(engine_pid($node, 'without'), '', 'and no process');

# In two phases: at the second, whoever commits it.
$node->safe_psql('without', "BEGIN; CREATE EXTENSION angzarr; PREPARE TRANSACTION 'created'");
is(engine_pid($node, 'without'), '', 'a prepared CREATE EXTENSION starts no engine');
$node->safe_psql('without', "COMMIT PREPARED 'created'");
engine_runs($node, 'without', 'but COMMIT PREPARED does');
$node->safe_psql('without', "BEGIN; DROP EXTENSION angzarr; PREPARE TRANSACTION 'dropped'");
$node->safe_psql('without', "COMMIT PREPARED 'dropped'");
engine_is_gone($node, 'without', 'and the engine ends when a DROP EXTENSION is committed so');

# Restart: found again, in all databases and only there.
$node->restart;
engine_runs($node, 'one', 'after a restart of the server the first engine is there');
engine_runs($node, 'two', 'and the second');
ok( $node->poll_query_until('one', "SELECT count(*) = 2 FROM angzarr.workers"),
	'databases without the extension are left alone');

# A copy of a database has the extension too.
$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE one');
engine_runs($node, 'copy', 'a database copied from one with the extension gets an engine');
engine_runs($node, 'one', 'and its template has one again');

# Also when nobody can connect to the one it was copied from.
$node->safe_psql('postgres', 'CREATE DATABASE closed TEMPLATE one');
$node->safe_psql('postgres', 'ALTER DATABASE closed ALLOW_CONNECTIONS false');
$node->restart;
engine_runs($node, 'one', 'the server is up again');
engine_is_gone($node, 'closed', 'a database that is closed has no engine');
$node->safe_psql('postgres', 'CREATE DATABASE opened TEMPLATE closed');
engine_runs($node, 'opened', 'a copy of it has one');
$node->safe_psql('postgres', 'ALTER DATABASE closed ALLOW_CONNECTIONS true');
engine_runs($node, 'closed', 'and so has the closed one when it is opened');
$node->safe_psql('postgres', 'DROP DATABASE closed');
$node->safe_psql('postgres', 'DROP DATABASE opened');

# In the database that all others are copied from.
$node->safe_psql('template1', 'CREATE EXTENSION angzarr');
engine_runs($node, 'template1', 'the usual template can have one');
$node->safe_psql('postgres', 'CREATE DATABASE usual');
engine_runs($node, 'usual', 'then every new database has one');
$node->safe_psql('template1', 'DROP EXTENSION angzarr');
$node->safe_psql('postgres', 'DROP DATABASE usual');

# Dropping, in the ways there are.
engine_runs($node, 'two', 'the second database has its engine');
engine_runs($node, 'copy', 'and so has the copy');
my $kept = engine_pid($node, 'two');
$node->safe_psql('two', 'BEGIN; DROP EXTENSION angzarr; ROLLBACK');
$node->safe_psql('two', 'BEGIN; SAVEPOINT s; DROP EXTENSION angzarr; ROLLBACK TO s; COMMIT');
is($node->safe_psql('two', 'SELECT count(*) FROM angzarr.events'), 0,
	'a rolled back DROP EXTENSION leaves the extension');
is(engine_pid($node, 'two'), $kept, 'and the very engine');
$node->safe_psql('one', 'DROP EXTENSION angzarr');
engine_is_gone($node, 'one', 'DROP EXTENSION ends the engine');
$node->safe_psql('copy', 'DROP EXTENSION angzarr');
engine_is_gone($node, 'copy', 'in a copied database too');
$node->safe_psql('postgres', 'CREATE ROLE admin SUPERUSER');
$node->safe_psql('copy', 'SET ROLE admin; CREATE EXTENSION angzarr');
engine_runs($node, 'copy', 'another superuser can create it');
$node->safe_psql('copy', 'DROP OWNED BY admin CASCADE');
engine_is_gone($node, 'copy', 'DROP OWNED BY its owner ends the engine');
is(engine_pid($node, 'two'), $kept, 'the engine of another database is not touched');

$node->safe_psql('one', 'CREATE EXTENSION angzarr');
engine_runs($node, 'one', 'created again, it has an engine again');
foreach my $round (1 .. 5)
{
	$kept = engine_pid($node, 'one');
	my $seconds = seconds_of(
		sub {
			$node->safe_psql('one', 'BEGIN; DROP EXTENSION angzarr; CREATE EXTENSION angzarr; COMMIT');
			new_engine_runs($node, 'one', $kept,
				"dropped and created in one go, its engine forgets what was registered before ($round)");
		});

	cmp_ok($seconds, '<', 10, "at once, not when it reads the components again ($round)");
	engine_runs($node, 'one', "and there is one ($round)");
}
ok( $node->poll_query_until('one',
		"SELECT count(*) = 1 FROM angzarr.workers WHERE database = 'one' AND state = 'running'"),
	'dropped and created in one go, it has one');

$node->stop;
done_testing();
