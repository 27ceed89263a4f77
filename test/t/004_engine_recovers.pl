# Whatever process is ended, and however: the engine is back in five seconds.
use strict;
use warnings;

use AngzarrNode;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant SOON => 5;
use constant SUPERVISOR =>
  "SELECT pid FROM pg_stat_activity WHERE backend_type = 'angzarr supervisor'";

my $node = angzarr_node('main', 'restart_after_crash = on');

$node->safe_psql('postgres', 'CREATE EXTENSION angzarr');
engine_runs($node, 'postgres', 'an engine runs');

# Terminated, again and again: not more slowly each time.
foreach my $round (1 .. 4)
{
	my $pid = engine_pid($node, 'postgres');
	my $seconds = seconds_of(
		sub {
			$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
			new_engine_runs($node, 'postgres', $pid, "terminated, it is replaced ($round)");
		});

	cmp_ok($seconds, '<', SOON, "within five seconds ($round)");
}

# A request to cancel a query does it no harm.
my $pid = engine_pid($node, 'postgres');
$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)");
$node->safe_psql('postgres',
	"SELECT angzarr.register_aggregate('order', 'grpc://localhost:1')");
is(engine_pid($node, 'postgres'), $pid, 'cancelled while idle, it goes on');

# The supervisor is ended: the engine does not notice, and is still looked after.
my $supervisor = $node->safe_psql('postgres', SUPERVISOR);
$node->safe_psql('postgres', "SELECT pg_terminate_backend($supervisor)");
ok( $node->poll_query_until('postgres',
		"SELECT count(*) = 1 FROM pg_stat_activity"
		  . " WHERE backend_type = 'angzarr supervisor' AND pid <> $supervisor"),
	'a supervisor that is terminated is replaced');
is(engine_pid($node, 'postgres'), $pid, 'the engine outlives it');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
new_engine_runs($node, 'postgres', $pid, 'the new supervisor looks after the engine');

# kill -9: the server restarts itself, and there is exactly one engine.
$pid = engine_pid($node, 'postgres');
kill 'KILL', $pid;
new_engine_runs($node, 'postgres', $pid,
	'killed, it is replaced after the server has restarted its processes');
is($node->safe_psql('postgres', 'SELECT count(*) FROM angzarr.workers'), 1,
	'there is one row in view workers');
is($node->safe_psql('postgres',
		"SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'angzarr engine'"),
	1, 'and one process');

# A stop of the server is not held up.
cmp_ok(seconds_of(sub { $node->stop('fast') }), '<', SOON, 'a fast shutdown is fast');
$node->start;
engine_runs($node, 'postgres', 'after a start the engine is there');
$node->stop('immediate');
$node->start;
engine_runs($node, 'postgres', 'also after an immediate shutdown');

$node->stop;
done_testing();
