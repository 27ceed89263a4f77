# An extension of another version than the library is not served, and said so.
use strict;
use warnings;

use AngzarrNode;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = angzarr_node('main');

$node->safe_psql('postgres', 'CREATE EXTENSION angzarr');
engine_runs($node, 'postgres', 'an engine runs');
my $version = $node->safe_psql('postgres',
	"SELECT extversion FROM pg_extension WHERE extname = 'angzarr'");

# As if the script were newer than the library that the server has loaded.
$node->safe_psql('postgres',
	"UPDATE pg_extension SET extversion = '99.9' WHERE extname = 'angzarr'");
my $offset = -s $node->logfile;
my $pid = engine_pid($node, 'postgres');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
ok( $node->poll_query_until('postgres',
		"SELECT state = 'idle' AND message LIKE '%99.9%' AND message LIKE '%$version%'"
		  . " FROM angzarr.workers"),
	'the worker idles and names both versions');
is(log_counts($node, qr/WARNING:  angzarr does not serve database "postgres"/, $offset), 1,
	'the log has one warning');

# The idle worker is in nobody's way.
cmp_ok(seconds_of(sub { $node->restart }), '<', 5, 'the server stops with an idle worker');
ok( $node->poll_query_until('postgres', "SELECT state = 'idle' FROM angzarr.workers"),
	'it is idle again after the restart');

# Put right and told so by the commands that change extensions.
$node->safe_psql('postgres',
	"UPDATE pg_extension SET extversion = '$version' WHERE extname = 'angzarr'");
$node->safe_psql('postgres', 'ALTER EXTENSION angzarr DROP VIEW angzarr.workers;'
	. ' ALTER EXTENSION angzarr ADD VIEW angzarr.workers');
ok( $node->poll_query_until('postgres', "SELECT state = 'running' FROM angzarr.workers"),
	'with the right version it serves, without a restart');

$node->safe_psql('postgres',
	"UPDATE pg_extension SET extversion = '99.9' WHERE extname = 'angzarr'");
$pid = engine_pid($node, 'postgres');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
ok( $node->poll_query_until('postgres', "SELECT state = 'idle' FROM angzarr.workers"),
	'idle once more');
$node->safe_psql('postgres', 'DROP EXTENSION angzarr');
engine_is_gone($node, 'postgres', 'DROP EXTENSION ends an idle worker too');

$node->stop;
done_testing();
