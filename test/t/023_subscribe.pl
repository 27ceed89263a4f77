# Subscribers and the processes of the server: what they were sent stays, who does not answer is let go.
use strict;
use warnings;

use AngzarrNode;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

use constant PATIENCE => 30;

my $peer = dirname(abs_path(__FILE__)) . '/peer.py';
my $port = PostgreSQL::Test::Cluster::get_free_port();
my $put = "SELECT angzarr.append('log', gen_random_uuid(), 0, ARRAY[angzarr.new_event('t.Kept', 'x')], correlation_id => 'kept')";

# The walwriter would flush by itself, sooner or later.
my $node = angzarr_node(
	'main', "angzarr.listen_addresses = 'localhost'",
	"angzarr.listen_port = $port", 'angzarr.keepalive_interval = 1s',
	'angzarr.keepalive_timeout = 1s', 'wal_writer_delay = 10s',
	'fsync = on', 'checkpoint_timeout = 1h');

sub serves
{
	my ($name) = @_;
	ok($node->poll_query_until('postgres', "SELECT listening <> '' FROM angzarr.workers WHERE state = 'running'"), $name);
}

# A process that subscribes; what it says is in ->{said}.
sub subscriber
{
	my %subscriber = (said => '');

	$subscriber{run} = IPC::Run::start([ $peer, 'subscribe', "localhost:$port", 'kept' ],
		'<', \undef, '>', \$subscriber{said}, '2>', \$subscriber{errors});
	return \%subscriber;
}

# Waits until it has said this, so many times.
sub says
{
	my ($subscriber, $pattern, $times) = @_;
	my $deadline = time + PATIENCE;

	while (time < $deadline)
	{
		$subscriber->{run}->pump_nb;
		return 1 if (() = $subscriber->{said} =~ /$pattern/g) >= ($times // 1);
		usleep(10_000);
	}
	diag("it said only: $subscriber->{said}");
	return 0;
}

sub connections_become
{
	my ($count) = @_;
	return $node->poll_query_until('postgres', "SELECT connections = $count FROM angzarr.workers");
}

$node->safe_psql('postgres', 'CREATE EXTENSION angzarr');
serves('the engine serves');

# Who is there answers, however long nothing happens; who is not is let go.
my $alive = subscriber();
my $frozen = subscriber();
ok(says($alive, qr/subscribed/) && says($frozen, qr/subscribed/), 'two clients subscribe');
ok(connections_become(2), 'and have a connection each');
kill 'STOP', $frozen->{run}{KIDS}[0]{PID};
ok(connections_become(1), 'one that does not answer any more is let go');
kill 'KILL', $frozen->{run}{KIDS}[0]{PID};
$frozen->{run}->finish;
$node->safe_psql('postgres', $put);
ok(says($alive, qr/book/), 'the other one stays, and is sent what happens');

# A writer that does not wait for its commit: what a subscriber was sent stays all the same.
my $stored = 1;
for my $round (2 .. 11)
{
	$node->safe_psql('postgres', "SET synchronous_commit = off; $put");
	last if !says($alive, qr/book/, $round);
	$stored++;
}
is($stored, 11, 'events are sent whose writers did not wait for their commit');
$node->stop('immediate');
ok(says($alive, qr/UNAVAILABLE/), 'a crash of the server ends the subscription with UNAVAILABLE');
$node->start;
is($node->safe_psql('postgres', "SELECT count(*) FROM angzarr.events WHERE correlation_id = 'kept'"),
	$stored, 'and after it all is there that a subscriber was sent');
$alive->{run}->finish;

# After the crash one subscribes again.
serves('the engine serves again');
my $again = subscriber();
ok(says($again, qr/subscribed/), 'one can subscribe again');
$node->safe_psql('postgres', $put);
ok(says($again, qr/book/), 'and is sent what happens');

# A stop of the server does not wait for subscribers.
cmp_ok(seconds_of(sub { $node->stop('fast') }), '<', 5, 'a stop of the server does not wait for subscribers');
ok(says($again, qr/UNAVAILABLE: the server is stopping/), 'it tells them');
$again->{run}->finish;

done_testing();
