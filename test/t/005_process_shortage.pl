# Too few background worker processes: one warning, rows in view workers, and
# the engine starts when one becomes free.
use strict;
use warnings;

use AngzarrNode;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# One for the server's logical replication launcher, one for the supervisor,
# one engine.
my $node = angzarr_node('main', 'max_worker_processes = 3');
my $warning = qr/WARNING:  could not start an angzarr engine: no background worker process is free/;

$node->safe_psql('postgres', 'CREATE DATABASE one');
$node->safe_psql('postgres', 'CREATE DATABASE two');
$node->safe_psql('postgres', 'CREATE DATABASE three');
$node->safe_psql('one', 'CREATE EXTENSION angzarr');
engine_runs($node, 'one', 'the first engine finds a process');
is(log_counts($node, $warning), 0, 'and nothing is warned of');

$node->safe_psql('two', 'CREATE EXTENSION angzarr');
ok( $node->poll_query_until('two',
		"SELECT count(*) = 1 FROM angzarr.workers WHERE database = 'two'"
		  . " AND state = 'absent' AND message LIKE '%max_worker_processes%'"),
	'the second finds none, and view workers says why');
$node->safe_psql('three', 'CREATE EXTENSION angzarr');
ok( $node->poll_query_until('three',
		"SELECT count(*) = 2 FROM angzarr.workers"
		  . " WHERE state = 'absent' AND message LIKE '%max_worker_processes%'"),
	'so does it for the third');
is(log_counts($node, $warning), 1, 'the log has one warning');
is(log_counts($node, qr/HINT:  Increase "max_worker_processes" and restart the server/), 1,
	'with the setting in its hint');

# A process becomes free.
$node->safe_psql('one', 'DROP EXTENSION angzarr');
$node->safe_psql('three', 'DROP EXTENSION angzarr');
engine_runs($node, 'two', 'the waiting engine starts when a process is free');
is( $node->safe_psql('two', "SELECT message IS NULL FROM angzarr.workers WHERE database = 'two'"),
	't', 'and the message is gone');

# The same with too few slots of our own.
$node->safe_psql('one', 'CREATE EXTENSION angzarr');
$node->append_conf('postgresql.conf', "angzarr.max_databases = 1\nmax_worker_processes = 16");
my $offset = -s $node->logfile;
$node->restart;
ok( $node->poll_query_until('one', 'SELECT count(*) = 1 FROM angzarr.workers WHERE state = \'running\''),
	'with one slot one database has an engine');
is(log_counts($node, qr/WARNING:  could not look for angzarr in all databases/, $offset), 1,
	'and one warning says so');
like(substr(slurp_file($node->logfile), $offset), qr/HINT:  Increase "angzarr\.max_databases"/,
	'with the setting in its hint');

$node->stop;
done_testing();
