# Projectors get the log: every event, in order for each stream, whatever fails, and whoever dies.
use strict;
use warnings;

use AngzarrNode;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = angzarr_node('main', 'restart_after_crash = on', "angzarr.retry_delay = '20ms'",
	"angzarr.call_timeout = '5s'", "angzarr.max_reconnect_delay = '100ms'");
my $port = PostgreSQL::Test::Cluster::get_free_port();
my ($projector, $said);

# A projector that listens at the port; what it prints is in $said.
sub start_projector
{
	$said = '';
	$projector = IPC::Run::start([ '/usr/bin/python3', 'test/t/projector.py', $port ], '>', \$said, '2>', \my $complaints);
	until_said(qr/^port/m);
	return;
}

sub stop_projector
{
	$projector->kill_kill;
	return;
}

# Waits until the projector has printed it; false after the usual time.
sub until_said
{
	my ($pattern) = @_;
	my $until = time() + $PostgreSQL::Test::Utils::timeout_default;
	while ($said !~ $pattern && time() < $until)
	{
		$projector->pump_nb;
		select(undef, undef, undef, 0.01);
	}
	return $said =~ $pattern;
}

# Appends events to the stream whose root ends so; each payload an event.
sub append
{
	my ($root, @payloads) = @_;
	my $events = join ', ', map { "angzarr.new_event('shop.Happened', '$_')" } @payloads;
	$node->safe_psql('postgres', sprintf(
		"SELECT angzarr.append('order', '00000000-0000-4000-8000-0000000000%02x', -1, ARRAY[$events])", $root));
	return;
}

# Waits until nothing is left to deliver.
sub is_even
{
	my ($name) = @_;
	ok( $node->poll_query_until('postgres', <<'SQL'), $name);
SELECT s.position >= (SELECT max(e.position) FROM angzarr.events AS e)
    AND NOT EXISTS (SELECT FROM angzarr.exceptions)
FROM angzarr.subscriptions AS s
SQL
	return;
}

$node->safe_psql('postgres', 'CREATE EXTENSION angzarr');
engine_runs($node, 'postgres', 'the engine runs');
append(1, 'one', 'two');
start_projector();
$node->safe_psql('postgres', "SELECT angzarr.register_projector('summary', '{order}', 'grpc://localhost:$port')");
ok(until_said(qr/^book 1 0\.\.1$/m), 'a projector gets what was there before it, several events at a time');
append(2, 'one');
ok(until_said(qr/^book 2 0\.\.0$/m), 'and what comes after it');
is_even('its cursor follows');

# ---- what fails ----

append(3, 'poison', 'good');
append(4, 'flaky', 'good');
append(5, 'good');
ok(until_said(qr/^book 5 0\.\.0$/m), 'a stream that fails does not hold back another one');
ok(until_said(qr/^book 3 1\.\.1$/m), 'nor what comes after it when it is a dead letter');
ok(until_said(qr/^book 4 1\.\.1$/m), 'what fails is tried again before what comes behind it');
is(scalar(() = $said =~ /^book 4 0\./mg), 3, 'as often as it takes');
is( $node->safe_psql('postgres', <<'SQL'), 'order|summary|projector|event_processing_failed|this cannot be projected', 'the dead letter says who could not take what, and why');
SELECT domain, source_component, source_component_type, rejection_type, rejection_reason
FROM angzarr.dead_letters
SQL
is_even('nothing is left behind');

# ---- who is away ----

stop_projector();
append(6, 'while it is away');
ok( $node->poll_query_until('postgres',
		"SELECT status = 'failing' AND last_error LIKE '%unreachable%' OR status = 'failing' AND last_error <> '' FROM angzarr.subscriptions"),
	'a projector that cannot be reached is shown as failing');
start_projector();
ok(until_said(qr/^book 6 0\.\.0$/m), 'and gets what it has missed');
ok( $node->poll_query_until('postgres', "SELECT status = 'active' AND last_error IS NULL FROM angzarr.subscriptions"),
	'and is shown as active');
is($node->safe_psql('postgres', 'SELECT count(*) FROM angzarr.dead_letters'), '1', 'no dead letter came of that');

# ---- pause, resume, reset ----

$node->safe_psql('postgres', "SELECT angzarr.pause('summary')");
append(7, 'while it is paused');
$node->safe_psql('postgres', "SELECT angzarr.resume('summary')");
ok(until_said(qr/^book 7 0\.\.0$/m), 'a resumed projector goes on');
is_even('to the end');
$said = '';
$node->safe_psql('postgres', "SELECT angzarr.reset('summary', 0)");
ok(until_said(qr/^book 7 0\.\.0$/m), 'a reset projector begins anew');
is(scalar(() = $said =~ /^book 1 0\.\.1$/mg), 1, 'with everything there is, once');
is_even('and comes to the end again');

# ---- who dies ----

$said = '';
append($_, 'a', 'b') for (10 .. 30);
$node->safe_psql('postgres', 'SELECT pg_terminate_backend(pid) FROM angzarr.workers WHERE pid IS NOT NULL');
append($_, 'a', 'b') for (31 .. 40);
ok(until_said(qr/^book 40 /m), 'another engine goes on where the last one was');
is_even('and forgets nothing');
my %missing = map { $_ => 1 } (10 .. 40);
delete $missing{$1} while $said =~ /^book (\d+) /mg;
is(join(' ', sort keys %missing), '', 'every stream was delivered');

# ---- the others ----

my $open = $node->background_psql('postgres', on_error_stop => 0);
$open->query_safe('BEGIN; CREATE TABLE bystander (x int); SELECT txid_current()');
append(50, 'beside an open transaction');
ok(until_said(qr/^book 50 0\.\.0$/m), 'a transaction that has not appended holds up nothing');
$open->quit;

is($node->safe_psql('postgres', 'SELECT count(*) FROM angzarr.verify()'), '0', 'the database is sound');
stop_projector();
done_testing();
