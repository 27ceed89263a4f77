# Timers wake a process manager when they elapse: once, in time, whoever dies meanwhile.
use strict;
use warnings;

use AngzarrNode;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = angzarr_node('main', 'restart_after_crash = on', "angzarr.retry_delay = '20ms'",
	"angzarr.call_timeout = '60s'", "angzarr.max_reconnect_delay = '100ms'");
my $port = PostgreSQL::Test::Cluster::get_free_port();
my ($process, $said);

# A process manager and an aggregate that listen at the port; what they print is in $said.
sub start_process
{
	$said = '';
	$process = IPC::Run::start([ '/usr/bin/python3', 'test/t/process.py', $port ], '>', \$said, '2>', \my $complaints);
	until_said(qr/^port/m);
	return;
}

# Waits until it has printed that; false after the usual time.
sub until_said
{
	my ($pattern) = @_;
	my $until = time() + $PostgreSQL::Test::Utils::timeout_default;
	while ($said !~ $pattern && time() < $until)
	{
		$process->pump_nb;
		select(undef, undef, undef, 0.01);
	}
	return $said =~ $pattern;
}

# How often it has printed that.
sub times_said
{
	my ($pattern) = @_;
	return scalar(() = $said =~ /$pattern/mg);
}

# Tells the process of a correlation id what to do.
sub ask
{
	my ($correlation, $payload) = @_;
	$node->safe_psql('postgres', <<SQL);
SELECT angzarr.append('order', gen_random_uuid(), -1, ARRAY[angzarr.new_event('shop.Asked', '$payload')],
    correlation_id => '$correlation')
SQL
	return;
}

sub until_true
{
	my ($condition, $name) = @_;
	ok($node->poll_query_until('postgres', "SELECT $condition"), $name);
	return;
}

# What the aggregate of a correlation id has recorded.
sub noted
{
	my ($correlation) = @_;
	return $node->safe_psql('postgres', <<SQL);
SELECT string_agg(convert_from(payload, 'UTF8'), ',' ORDER BY sequence) FROM angzarr.events
WHERE domain = 'stock' AND correlation_id = '$correlation'
SQL
}

my $no_timer = 'NOT EXISTS (SELECT FROM angzarr.timers)';

$node->safe_psql('postgres', 'CREATE EXTENSION angzarr');
engine_runs($node, 'postgres', 'the engine runs');
start_process();
$node->safe_psql('postgres', "SELECT angzarr.register_aggregate('stock', 'grpc://localhost:$port')");
$node->safe_psql('postgres', "SELECT angzarr.register_process_manager('checkout', 'checkout', '{order}', 'grpc://localhost:$port')");

# ---- in time ----

my $before = time();
ask('c-1', 'set payment 1500 first');
ok(until_said(qr/^elapsed payment 0 c-1$/m), 'a timer wakes the process that has set it, with the number of the event that did');
cmp_ok(time() - $before, '>=', 1.4, 'not before it is due');
cmp_ok(time() - $before, '<', 15, 'and not at the next look that is made anyway');
until_true($no_timer, 'it is gone when all that came of it is done');
is(noted('c-1'), 'first', 'which is what the process manager has answered');
is( $node->safe_psql('postgres', <<'SQL'), 'TimeoutScheduled,TimedOut', 'beside what it has recorded of itself');
SELECT string_agg(split_part(type_url, '.', -1), ',' ORDER BY sequence)
FROM angzarr.events WHERE domain = 'checkout' AND correlation_id = 'c-1'
SQL

# ---- moved, cancelled ----

ask('c-2', 'set payment 2000 early');
ask('c-2', 'set refund 2000 cancelled');
until_true("count(*) = 2 FROM angzarr.timers", 'a process has several timers');
ask('c-2', 'set payment 3000 late');
ask('c-2', 'cancel refund');
until_true("count(*) = 1 FROM angzarr.timers WHERE scheduled_sequence = 2", 'setting one again moves it, cancelling removes it');
ok(until_said(qr/^elapsed payment 2 c-2$/m), 'a moved timer elapses');
until_true($no_timer, 'and goes');
is(noted('c-2'), 'late', 'once, and a cancelled one never');
is(times_said(qr/^elapsed \w+ \d c-2$/m), 1, 'nor is anybody asked');

# ---- who dies ----

ask('c-3', 'set payment 3000 across');
until_true('EXISTS (SELECT FROM angzarr.timers)', 'a timer is set');
$node->stop('immediate');
$node->start;
engine_runs($node, 'postgres', 'the server is started again');
ok(until_said(qr/^elapsed payment 0 c-3$/m), 'a timer elapses after that');
until_true($no_timer, 'and goes');
is(times_said(qr/^elapsed payment 0 c-3$/m), 1, 'once');
is(noted('c-3'), 'across', 'with what comes of it');

ask('c-4', 'set payment 2000 away');
until_true('EXISTS (SELECT FROM angzarr.timers)', 'another one is set');
$node->stop('immediate');
my $due = time() + 2;
select(undef, undef, undef, 0.01) while time() < $due;
$node->start;
ok(until_said(qr/^elapsed payment 0 c-4$/m), 'what was due while the server was away elapses when it is there again');
until_true($no_timer, 'and goes');

for my $words ('stuck silent', 'stuck again')
{
	my $name = $words =~ /again/ ? 'also when the timer was set again' : 'as it was answered';
	my $correlation = $words =~ /again/ ? 'c-6' : 'c-5';
	if ($words =~ /again/)
	{
		$process->kill_kill;
		start_process();
	}
	ask($correlation, "set payment 10 $words");
	ok(until_said(qr/^stock $words$/m), "what comes of a timer is under way ($words)");
	$node->stop('immediate');
	$node->start;
	until_true("count(*) = 1 FROM angzarr.events WHERE domain = 'stock' AND correlation_id = '$correlation'",
		"the server dies, and it is done after all, $name");
	until_true('NOT EXISTS (SELECT FROM angzarr.timers WHERE due_at < clock_timestamp())', 'the timer is done with');
	is(times_said(qr/^elapsed payment 0 $correlation$/m), 1, 'nobody was asked twice');
}
is($node->safe_psql('postgres', 'SELECT scheduled_sequence, is_handled FROM angzarr.timers'), '2|f', 'the one that was set again stands');
ask('c-6', 'cancel payment');
until_true($no_timer, 'until it is cancelled');

# ---- what fails ----

ask('c-7', 'nameless');
until_true('count(*) = 1 FROM angzarr.dead_letters', 'a timer without a name is a dead letter');
like($node->safe_psql('postgres', 'SELECT rejection_reason FROM angzarr.dead_letters'),
	qr/TimeoutScheduled, to be event 0 of its process, that has no name/, 'which says so');
ask('c-8', 'set payment 10 poison');
until_true("count(*) = 1 FROM angzarr.dead_letters WHERE correlation_id = 'c-8' AND rejection_reason = 'this timer is poison'",
	'a timer that the process manager refuses is one, too');
until_true($no_timer, 'and is gone');

# ---- who is paused ----

$node->safe_psql('postgres', q(SELECT angzarr.pause('checkout')));
ask('c-9', 'set payment 10 paused');
$node->safe_psql('postgres', q(SELECT angzarr.resume('checkout')));
ok(until_said(qr/^elapsed payment 0 c-9$/m), 'a process manager that is resumed goes on');
until_true($no_timer, 'to the end');
ask('c-10', 'set payment 2000 paused');
until_true('EXISTS (SELECT FROM angzarr.timers)', 'a timer runs');
$node->safe_psql('postgres', q(SELECT angzarr.pause('checkout')));
until_true('due_at + interval \'1 second\' < clock_timestamp() FROM angzarr.timers', 'it elapses while its process manager is paused');
$process->pump_nb;
is(times_said(qr/c-10$/m), 0, 'nobody is told');
$node->safe_psql('postgres', q(SELECT angzarr.resume('checkout')));
ok(until_said(qr/^elapsed payment 0 c-10$/m), 'until it is resumed');
until_true($no_timer, 'and no timer is left');

is($node->safe_psql('postgres', 'SELECT count(*) FROM angzarr.verify()'), '0', 'the database is sound');
$process->kill_kill;
done_testing();
