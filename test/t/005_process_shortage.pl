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
$node->safe_psql('postgres', 'CREATE DATABASE four');
ok( $node->poll_query_until('three',
		"SELECT count(*) = 2 FROM angzarr.workers"
		  . " WHERE state = 'absent' AND message LIKE '%max_worker_processes%'"),
	'so does it for the third');
$node->wait_for_log($warning);
is(log_counts($node, $warning), 1, 'the log has one warning');
is(log_counts($node, qr/HINT:  Increase "max_worker_processes" and restart the server/), 1,
	'with the setting in its hint');

# What is dropped waits no more.
$node->safe_psql('three', 'DROP EXTENSION angzarr');
is($node->safe_psql('two', "SELECT count(*) FROM angzarr.workers WHERE database = 'three'"), 0,
	'dropped while it waited, the third is gone from the view');

# A process becomes free.
$node->safe_psql('one', 'DROP EXTENSION angzarr');
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
$node->wait_for_log(qr/HINT:  Increase "angzarr\.max_databases"/, $offset);
is(log_counts($node, qr/WARNING:  could not look for angzarr in all databases/, $offset), 1,
	'and one warning says so, with the setting in its hint');

$node->stop;
done_testing();
