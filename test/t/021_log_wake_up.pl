# Who listens hears of every move of the log, soon, and of nothing else.
use strict;
use warnings;

use AngzarrNode;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

use constant SOON => 1;

my $node = angzarr_node('main', 'max_prepared_transactions = 5');
my $put = "SELECT angzarr.append('heard', gen_random_uuid(), 0, ARRAY[angzarr.new_event('t.Heard', 'x')]);";
my $listener;

# Notifications that have come since last asked; psql shows them after a statement.
sub heard
{
	my @pids = $listener->query_safe('SELECT 1') =~ /notification "angzarr" received from server process with PID (\d+)/g;

	return @pids;
}

# The process that notified, or undef when none did so soon enough.
sub hears
{
	my $deadline = time + SOON;

	while (time < $deadline)
	{
		my @pids = heard();

		return $pids[0] if @pids;
		usleep(10_000);
	}
	return undef;
}

# Until the engine has nothing to say any more.
sub settle
{
	$node->poll_query_until('postgres',
		'SELECT angzarr.horizon() = CASE WHEN is_called THEN last_value ELSE 0 END FROM angzarr.events_position_seq')
	  or die 'the log does not settle';
	1 while defined hears();
}

# Passes when this makes the engine notify, once the log was quiet.
sub is_heard
{
	my ($code, $name) = @_;

	settle();
	$code->();
	ok(defined hears(), $name);
}

sub run_sql
{
	my ($sql) = @_;
	return sub { $node->safe_psql('postgres', $sql) };
}

$node->safe_psql('postgres', 'CREATE EXTENSION angzarr');
ok( $node->poll_query_until('postgres', "SELECT state = 'running' FROM angzarr.workers"),
	'the engine runs');
$listener = $node->background_psql('postgres');
$listener->query_safe('LISTEN angzarr');

settle();
$node->safe_psql('postgres', $put);
is(hears(), engine_pid($node, 'postgres'), 'the engine notifies of an append, not who appends');
is_heard(run_sql("BEGIN; $put SAVEPOINT s; $put ROLLBACK TO s; COMMIT"), 'with a savepoint as well');
is_heard(
	run_sql("COPY angzarr.events (root, domain, sequence, created_at, type_url, payload) FROM stdin;\n"
		  . join("\t", '11111111-1111-4111-8111-111111111111', 'heard', 0, '2026-01-01', '/t.Heard', 'x')
		  . "\n\\.\n"),
	'and of rows that were copied');
is_heard(run_sql("BEGIN; $put ROLLBACK"), 'a rollback lets the log move, too');
is_heard(run_sql("BEGIN; $put PREPARE TRANSACTION 'p'; COMMIT PREPARED 'p'"), 'so does COMMIT PREPARED');
is_heard(run_sql("BEGIN; $put PREPARE TRANSACTION 'p'; ROLLBACK PREPARED 'p'"), 'and ROLLBACK PREPARED');
is_heard(
	sub {
		my $victim = $node->background_psql('postgres', on_error_stop => 0);
		my $pid = $victim->query_safe('SELECT pg_backend_pid()');

		$victim->query_safe("BEGIN; $put");
		$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid, 5000)");
		$victim->{run}->finish;
	},
	'and the end of a session that had appended');

# Nothing happens, nothing runs.
settle();
my $quiet = "SELECT state_change FROM pg_stat_activity WHERE backend_type = 'angzarr engine'";
my $before = $node->safe_psql('postgres', $quiet);
$node->safe_psql('postgres', 'SELECT txid_current(); CREATE TABLE other (); SELECT pg_sleep(1)');
is($node->safe_psql('postgres', $quiet), $before, 'where nobody appends the engine asks nothing');
is(scalar heard(), 0, 'and says nothing');

# An open append is looked at again and again, but more and more rarely.
my $open = $node->background_psql('postgres', application_name => 'x');
$open->query_safe("SET application_name = 'forgetful'; BEGIN; $put");
$node->safe_psql('postgres', $put);
is($node->safe_psql('postgres', 'SELECT application, state FROM angzarr.stalled_by'),
	'forgetful|idle in transaction', 'stalled_by names the session that holds up readers');
$node->safe_psql('postgres', "SELECT angzarr.subscribe('fresh')");
is( $node->safe_psql('postgres', "SELECT count(*) FROM angzarr.next_events('fresh')"),
	$node->safe_psql('postgres', 'SELECT count(*) - 1 FROM angzarr.events'),
	'also a new session gets all events from before it');
is_deeply([ $node->psql('postgres', $put) ]->[0], 0, 'and others append as ever');
1 while defined hears();
$open->query_safe('COMMIT');
ok(defined hears(), 'its end is heard');
$open->quit;
is($node->safe_psql('postgres', 'SELECT count(*) FROM angzarr.stalled_by'), 0, 'then nobody is named');

# At most one notification in an interval.
$node->safe_psql('postgres', 'ALTER SYSTEM SET angzarr.notify_interval = 400');
$node->reload;
ok($node->poll_query_until('postgres', "SELECT setting = '400' FROM pg_settings WHERE name = 'angzarr.notify_interval'"),
	'the interval can be set');
settle();
my $begun = time;
my $count = 0;
while (time - $begun < 2)
{
	$node->safe_psql('postgres', $put);
	$count += heard();
}
cmp_ok($count, '>', 1, 'of a stream of appends one hears');
cmp_ok($count, '<=', (time - $begun) / 0.4 + 1, 'but not more often than the interval allows');
$node->safe_psql('postgres', 'ALTER SYSTEM RESET angzarr.notify_interval');
$node->reload;
settle();
$listener->quit;

# Append, subscribe, listen, read: each way the steps of writer and reader can interleave.
my @writer = ('BEGIN', $put, 'COMMIT');
my @reader = ("SELECT angzarr.subscribe('late', '{heard}', :from)", 'LISTEN angzarr', 'read');
my ($late, $missed) = (0, 0);

sub interleavings
{
	my ($writers, $readers) = @_;

	return ([ ('r') x $readers ]) if !$writers;
	return ([ ('w') x $writers ]) if !$readers;
	return ((map { [ 'w', @$_ ] } interleavings($writers - 1, $readers)),
		(map { [ 'r', @$_ ] } interleavings($writers, $readers - 1)));
}

for my $order (interleavings(3, 3))
{
	my $from = $node->safe_psql('postgres', 'SELECT max(position) FROM angzarr.events');
	my ($w, $r) = map { $node->background_psql('postgres') } 1 .. 2;
	my @steps = ([@writer], [@reader]);
	my $read = "BEGIN; SELECT count(*) FROM angzarr.next_events('late'); COMMIT;";
	my $found = 0;

	for my $who (@$order)
	{
		my $step = shift @{ $steps[ $who eq 'w' ? 0 : 1 ] };

		$step =~ s/:from/$from/;
		if ($step eq 'read') { $found = $r->query_safe($read) =~ /^1$/m; }
		elsif ($who eq 'w') { $w->query_safe($step); }
		else { $r->query_safe($step); }
	}
	$listener = $r;
	$late++ if !$found;
	while (!$found)
	{
		last if !defined hears();
		$found = $r->query_safe($read) =~ /^1$/m;
	}
	$missed++ if !$found;
	diag("missed in the order @$order") if !$found;
	$_->quit for $w, $r;
	$node->safe_psql('postgres', "SELECT angzarr.unsubscribe('late')");
}
is($missed, 0, 'append and subscribe, at every interleaving: seen within a second');
cmp_ok($late, '>', 0, 'also where the first look was too early');

# The example does so.
my $example = PostgreSQL::Test::Utils::tempdir() . '/followed';
my $follower = IPC::Run::start(
	[ 'env', 'PGHOST=' . $node->host, 'PGPORT=' . $node->port, 'PGDATABASE=postgres',
		'examples/follow/follow.py', 'example', 'heard' ], '>', $example, '2>', "$example.err");
my $all = $node->safe_psql('postgres', 'SELECT count(*) FROM angzarr.events');
sub followed { return scalar(() = slurp_file($example) =~ /\n/g); }
sub follows
{
	my ($expected) = @_;
	my $deadline = time + 20;

	usleep(20_000) while followed() < $expected && time < $deadline;
	return followed();
}
is(follows($all), $all, 'examples/follow prints what was there');
$node->safe_psql('postgres', $put);
is(follows($all + 1), $all + 1, 'and what comes');
$follower->kill_kill;

$node->stop;
done_testing();
