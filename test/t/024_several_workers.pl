# Several workers of one database: they share its port and nobody else's, and each is looked after alone.
use strict;
use warnings;

use AngzarrNode;
use IO::Socket::INET;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Socket qw(SOL_SOCKET SO_REUSEPORT);
use Test::More;
use Time::HiRes qw(time usleep);

use constant QUICK => 3;
use constant SOON => 5;

my $node = angzarr_node('main', 'restart_after_crash = on', "angzarr.listen_addresses = '127.0.0.1'",
	'angzarr.drain_timeout = 1s');
my $directory = PostgreSQL::Test::Utils::tempdir_short();
my $port = PostgreSQL::Test::Cluster::get_free_port();
my $listener;

# Passes when view workers shows this of the database, a line for each worker.
sub shows
{
	my ($database, $columns, $expected, $name) = @_;
	ok( $node->poll_query_until('postgres', <<SQL, $expected), $name);
SELECT string_agg(concat_ws(' ', $columns), ', ' ORDER BY worker)
FROM angzarr.workers WHERE database = '$database'
SQL
	return;
}

# The process of one worker.
sub pid_of
{
	my ($database, $worker) = @_;
	return $node->safe_psql('postgres',
		"SELECT pid FROM angzarr.workers WHERE database = '$database' AND worker = $worker");
}

sub terminate
{
	my ($pid) = @_;
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
	return;
}

# Passes when this worker is another process than that one, and runs.
sub is_replaced
{
	my ($database, $worker, $old, $name) = @_;
	ok( $node->poll_query_until('postgres',
			"SELECT pid <> $old AND state = 'running' FROM angzarr.workers"
			  . " WHERE database = '$database' AND worker = $worker"),
		$name);
	return;
}

sub set
{
	my ($database, $setting) = @_;
	$node->safe_psql('postgres', "ALTER DATABASE $database SET angzarr.$setting");
	return;
}

# A socket that listens there and lets others of this user do so too.
sub foreign_listener
{
	my ($at) = @_;
	return IO::Socket::INET->new(
		LocalAddr => '127.0.0.1',
		LocalPort => $at,
		Listen => 5,
		ReuseAddr => 1,
		ReusePort => 1) // die "cannot listen: $!";
}

# ---- they start, and share the port ----

foreach my $database (qw(one two))
{
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	set($database, "listen_addresses = ''");
	$node->safe_psql($database, 'CREATE EXTENSION angzarr');
}
$node->safe_psql('postgres', 'CREATE EXTENSION angzarr');
$node->safe_psql('postgres', "ALTER DATABASE postgres SET angzarr.listen_addresses = ''");
shows('one', 'worker, state', '0 running', 'a database has one worker, number 0, unless told otherwise');

set('one', "socket_directory = '$directory'");
set('one', "listen_port = $port");
set('one', "listen_addresses = '127.0.0.1'");
set('one', 'workers = 2');
shows('one', 'worker, state, listening',
	"0 running 127.0.0.1:$port, $directory/.s.angzarr.$port,"
	  . " 1 running 127.0.0.1:$port, $directory/.s.angzarr.$port.1",
	'with two workers both listen at the port, and each at a socket file of its own');
{
	my @clients = map { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) } 1 .. 40;

	is(scalar(grep { defined } @clients), 40, 'clients can connect');
	ok( $node->poll_query_until('postgres',
			"SELECT sum(connections) = 40 AND min(connections) > 0"
			  . " FROM angzarr.workers WHERE database = 'one'"),
		'and each worker gets some of them');
}
set('one', "workers = 16");
$node->poll_query_until('postgres', "SELECT count(*) = 16 FROM angzarr.workers WHERE database = 'one'");
my (undef, undef, $stderr) = $node->psql('postgres', 'SET angzarr.workers = 17');
like($stderr, qr/17 is outside the valid range for parameter "angzarr.workers" \(1 \.\. 16\)/,
	'more than sixteen are refused');
set('one', "workers = 2");
shows('one', 'worker, state', '0 running, 1 running', 'those beyond the setting end');

# ---- and nobody else's ----

my $offset = -s $node->logfile;
set('two', "listen_port = $port");
set('two', "listen_addresses = '127.0.0.1'");
# Only now, so that there is no second worker yet that would want the port too.
set('two', 'workers = 2');
my $in_use = "could not listen on 127.0.0.1, port $port: Address already in use";
shows('two', 'worker, state, message', "0 absent $in_use",
	'another database does not get in between: its first worker says that the port is in use');
$node->wait_for_log(qr/WARNING:  angzarr does not serve database "two": \Q$in_use\E/, $offset);
$node->wait_for_log(qr/HINT:  Give each database a port of its own/, $offset);

my $other = angzarr_node('other', "angzarr.listen_addresses = '127.0.0.1'",
	"angzarr.listen_port = $port", 'angzarr.workers = 2');
$other->safe_psql('postgres', 'CREATE EXTENSION angzarr');
ok( $other->poll_query_until('postgres', "SELECT message = '$in_use' FROM angzarr.workers"),
	'nor does another server of the same user');

terminate(my $first = pid_of('one', 0));
is_replaced('one', 0, $first, 'one worker ends and comes back while two others want the port');
is($node->safe_psql('postgres', "SELECT count(*) FROM angzarr.workers WHERE database = 'two' AND state = 'running'"),
	0, 'and still neither the other database');
is($other->safe_psql('postgres', "SELECT count(*) FROM angzarr.workers WHERE state = 'running'"),
	0, 'nor the other server has got it');
$other->stop;

set('two', "listen_port = " . (my $taken = PostgreSQL::Test::Cluster::get_free_port()));
shows('two', 'worker, state, listening', "0 running 127.0.0.1:$taken, 1 running 127.0.0.1:$taken",
	'with a port of its own the other database serves');
{
	my $foreign_port = PostgreSQL::Test::Cluster::get_free_port();
	my $foreign = foreign_listener($foreign_port);

	set('two', "listen_port = $foreign_port");
	ok( $node->poll_query_until('postgres', <<SQL),
SELECT message = 'could not listen on 127.0.0.1, port $foreign_port: Address already in use'
FROM angzarr.workers WHERE database = 'two' AND worker = 0
SQL
		'a program that lets others listen at its port is not joined');
	$foreign->close;
}
shows('two', 'worker, state', '0 running, 1 running', 'when it has gone both workers serve');

# ---- each is looked after alone ----

my $second = pid_of('one', 1);
$first = pid_of('one', 0);
cmp_ok(
	seconds_of(
		sub {
			terminate($second);
			is_replaced('one', 1, $second, 'a worker that ends is replaced');
		}),
	'<', SOON, 'soon');
is(pid_of('one', 0), $first, 'and the first one is not disturbed');
$second = pid_of('one', 1);
terminate($first);
is_replaced('one', 0, $first, 'the first one is replaced too');
is(pid_of('one', 1), $second, 'and the second is not disturbed');
ok(-S "$directory/.s.angzarr.$port", 'the socket file of the first has its successor');

# All at once, by both ways: whichever comes first, they never take each other for a stranger.
$offset = -s $node->logfile;
foreach my $round (1 .. 4)
{
	($first, $second) = (pid_of('one', 0), pid_of('one', 1));
	$node->safe_psql('postgres',
		$round % 2
		? "SELECT pg_terminate_backend(p) FROM unnest(ARRAY[$first, $second]) AS p"
		: "ALTER DATABASE one SET angzarr.max_jobs = $round");
	is_replaced('one', 0, $first, "both ended, the first comes back ($round)");
	is_replaced('one', 1, $second, "and the second ($round)");
}
is(log_counts($node, qr/does not serve database "one"/, $offset), 0, 'without finding the port in use by each other');
$first = pid_of('one', 0);
terminate($first);
is_replaced('one', 0, $first, 'the second is the one that has run for longer');
$second = pid_of('one', 1);

# ---- one of them tells listeners, all are told of components ----

# The process that notifies of an append.
sub notifier
{
	my $deadline = time + SOON;

	1 while $listener->query_safe('SELECT 1') =~ /notification/;
	$node->safe_psql('one',
		"SELECT angzarr.append('heard', gen_random_uuid(), 0, ARRAY[angzarr.new_event('t.Heard', 'x')])");
	while (time < $deadline)
	{
		return $1 if $listener->query_safe('SELECT 1') =~ /received from server process with PID (\d+)/;
		usleep(10_000);
	}
	return 0;
}

$listener = $node->background_psql('one');
$listener->query_safe('LISTEN angzarr');
my $leader = notifier();
is($leader, $second, 'who leads tells listeners: the one that outlived the other');
is(notifier(), $leader, 'and goes on to');
terminate($leader);
$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $leader");
is(notifier(), pid_of('one', 0), 'when it ends the other one takes over');
is_replaced('one', 1, $leader, 'its successor comes');
is(notifier(), pid_of('one', 0), 'and does not take that away');
$listener->quit;

my $transactions = "SELECT string_agg(transactions::text, ',' ORDER BY worker) FROM angzarr.workers WHERE database = 'one'";
my ($before0, $before1) = split /,/, $node->safe_psql('one', $transactions);
$node->safe_psql('one', "SELECT angzarr.register_aggregate('order', 'grpc://localhost:1')");
ok( $node->poll_query_until('one', <<SQL), 'every worker reads the components again when they change');
SELECT bool_and(transactions > CASE worker WHEN 0 THEN $before0 ELSE $before1 END)
FROM angzarr.workers WHERE database = 'one'
SQL

# ---- a reload starts and stops workers, without touching the others ----

($first, $second) = (pid_of('two', 0), pid_of('two', 1));
$node->safe_psql('postgres', 'ALTER DATABASE two RESET angzarr.workers');
shows('two', 'worker, state', '0 running', 'ALTER DATABASE RESET leaves one');
$first = pid_of('two', 0);
$node->safe_psql('postgres', 'ALTER SYSTEM SET angzarr.workers = 3');
$node->reload;
shows('two', 'worker, state', '0 running, 1 running, 2 running', 'a reload starts further workers');
is(pid_of('two', 0), $first, 'the one that ran goes on');
shows('one', 'worker, state', '0 running, 1 running', 'a database with a setting of its own keeps that');
$second = pid_of('two', 1);
$node->safe_psql('postgres', 'ALTER SYSTEM SET angzarr.workers = 2');
$node->reload;
shows('two', 'worker, pid, state', "0 $first running, 1 $second running",
	'a reload ends those beyond the setting, and only them');
$node->safe_psql('postgres', "ALTER SYSTEM SET angzarr.socket_directory = '$directory'");
$node->reload;
ok( $node->poll_query_until('postgres',
		"SELECT count(*) = 2 AND bool_and(state = 'running' AND listening LIKE '%/.s.angzarr.%')"
		  . " FROM angzarr.workers WHERE database = 'two'"),
	'a reload with another address restarts them all');
$node->safe_psql('postgres', 'ALTER SYSTEM RESET ALL');
$node->reload;
shows('two', 'worker, state', '0 running', 'and without the setting there is one again');
set('two', 'workers = 2');

# ---- commands that need the database wait for all of them ----

foreach my $sql (
	'ALTER DATABASE two RENAME TO three',
	'CREATE DATABASE copy TEMPLATE three',
	'DROP DATABASE three',
	'DROP DATABASE copy WITH (FORCE)')
{
	my $seconds = seconds_of(sub { $node->safe_psql('postgres', $sql) });

	cmp_ok($seconds, '<', QUICK, "$sql is not held up by two workers");
	shows('three', 'worker, state', '0 running, 1 running', 'they are back under the new name')
	  if $sql =~ /RENAME/;
	shows('three', 'worker, state', '0 running, 1 running', 'and after copying')
	  if $sql =~ /TEMPLATE/;
}
is( $node->safe_psql('postgres', "SELECT count(*) FROM angzarr.workers WHERE database IS NULL OR database IN ('two', 'three')"),
	0, 'nothing is left of the dropped database');

$node->safe_psql('one', 'DROP EXTENSION angzarr');
engine_is_gone($node, 'one', 'DROP EXTENSION ends both');
$node->safe_psql('one', 'CREATE EXTENSION angzarr');
shows('one', 'worker, state', '0 running, 1 running', 'CREATE EXTENSION starts both');
($first, $second) = (pid_of('one', 0), pid_of('one', 1));
$node->safe_psql('one', 'BEGIN; DROP EXTENSION angzarr; CREATE EXTENSION angzarr; COMMIT');
is_replaced('one', 0, $first, 'dropped and created in one go, the first worker begins anew');
is_replaced('one', 1, $second, 'and the second');

# ---- kill -9, restart ----

$second = pid_of('one', 1);
kill 'KILL', $second;
is_replaced('one', 1, $second, 'killed, a worker is back after the server has restarted its processes');
shows('one', 'worker, state', '0 running, 1 running', 'and so is the other');
$node->restart;
shows('one', 'worker, state', '0 running, 1 running', 'after a restart of the server both are there');

# ---- too few processes: the launcher's, the supervisor's, and two ----

$node->append_conf('postgresql.conf', 'max_worker_processes = 4');
set('one', 'workers = 3');
$node->safe_psql('postgres', 'DROP EXTENSION angzarr');
$offset = -s $node->logfile;
$node->restart;
$node->safe_psql('postgres', 'SELECT 1');
my $rows = "SELECT string_agg(concat_ws(' ', worker, state, message), ', ' ORDER BY worker) FROM angzarr.workers WHERE database = 'one'";
ok( $node->poll_query_until('one', $rows,
		'0 running, 1 running, 2 absent no background worker process is free, see max_worker_processes'),
	'the third worker finds no process, and view workers says why');
$node->wait_for_log(qr/WARNING:  could not start an angzarr engine: no background worker process is free/, $offset);
$first = $node->safe_psql('one', "SELECT pid FROM angzarr.workers WHERE database = 'one' AND worker = 0");
$node->safe_psql('one', "SELECT pg_terminate_backend($first)");
ok( $node->poll_query_until('one',
		"SELECT pid <> $first AND state = 'running' FROM angzarr.workers WHERE database = 'one' AND worker = 0"),
	'the first worker comes before it when a process is free');
is(log_counts($node, qr/WARNING:  could not start an angzarr engine/, $offset), 1, 'the log has one warning');
set('one', 'workers = 2');
ok( $node->poll_query_until('one', $rows, '0 running, 1 running'),
	'with two workers wanted there is nothing to complain of');

$node->stop;
done_testing();
