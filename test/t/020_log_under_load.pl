# Readers of the log skip nothing and get nothing twice, whatever writers do.
use strict;
use warnings;

use AngzarrNode;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use constant WRITERS => 8;
use constant ROUND_SECONDS => 150;

my $seed = $ENV{AZ_SEED} // time % 1_000_000;
my $node = angzarr_node('main', 'max_connections = 60', 'max_prepared_transactions = 20');
my $total = 0;

note("seed $seed");
srand($seed);

# One session of psql with this script; its output is in a file.
sub start_session
{
	my ($name, $script) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir() . "/$name.sql";

	append_to_file($file, $script);
	return IPC::Run::start(
		[
			'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('log'), '-f', $file
		],
		'>', "$file.out", '2>', "$file.err");
}

# Ends it; says what went wrong if something did.
sub end_session
{
	my ($name, $session) = @_;

	return 1 if $session->finish;
	diag("$name: " . slurp_file(PostgreSQL::Test::Utils::tempdir() . "/$name.sql.err"));
	return 0;
}

sub make_database
{
	$node->safe_psql('postgres', 'CREATE DATABASE log');
	$node->safe_psql(
		'log', q{
		CREATE EXTENSION angzarr;
		CREATE TABLE seen (
			id bigint GENERATED ALWAYS AS IDENTITY,
			reader text,
			position bigint
		) WITH (autovacuum_enabled = off);
		CREATE TABLE control (done boolean, writers integer);
		INSERT INTO control VALUES (false, 0);

		-- Appends "size" events: one to a stream that many share, the others each to one of its own.
		CREATE PROCEDURE put(shared integer, size integer) LANGUAGE plpgsql AS $$
		DECLARE
			_nothing text[] := array_fill(NULL::text, ARRAY[size]);
		BEGIN
			PERFORM angzarr.append('shared', format('00000000-0000-0000-0000-%s', lpad(shared::text, 12, '0'))::uuid,
				-1, ARRAY[angzarr.new_event('t.Load', 'x')]);
			PERFORM count(*) FROM angzarr.append_batch(
				ARRAY(SELECT gen_random_uuid() FROM generate_series(1, size)),
				array_fill('own'::text, ARRAY[size]), array_fill(''::text, ARRAY[size]),
				array_fill(0::bigint, ARRAY[size]), array_fill(0, ARRAY[size]),
				array_fill(NULL::timestamptz, ARRAY[size]), array_fill(''::text, ARRAY[size]),
				array_fill('/t.Load'::text, ARRAY[size]), array_fill('x'::bytea, ARRAY[size]),
				_nothing::bytea[], _nothing::bytea[], array_fill(false, ARRAY[size]),
				array_fill(0, ARRAY[size]), _nothing, _nothing, _nothing::uuid[],
				_nothing::bigint[], _nothing);
		END $$;

		-- Reads until the writers are done and nothing comes.
		CREATE PROCEDURE read_all(reader text, most integer) LANGUAGE plpgsql AS $$
		DECLARE
			_done boolean;
			_last bigint;
		BEGIN
			LOOP
				SELECT done INTO _done FROM control;
				WITH taken AS (
					INSERT INTO seen (reader, position)
					SELECT read_all.reader, e.position FROM angzarr.next_events(read_all.reader, most) AS e
					RETURNING position)
				SELECT max(position) INTO _last FROM taken;
				IF _last IS NOT NULL THEN
					PERFORM angzarr.ack(read_all.reader, _last);
				END IF;
				COMMIT;
				EXIT WHEN _done AND _last IS NULL;
				IF _last IS NULL THEN
					PERFORM pg_sleep(0.002);
				END IF;
			END LOOP;
		END $$;
	});
}

# One transaction of a writer: waits, savepoints, COPY, two phases, and how it ends.
sub transaction
{
	my ($writer, $number) = @_;
	my $put = sprintf('CALL put(%d, %d);', rand(50), 1 + rand(80));
	my $more = sprintf('CALL put(%d, %d);', 50 + $writer, 1 + rand(10));
	my $wait = sprintf('SELECT pg_sleep(%.4f);', rand(0.008));
	my $kind = rand;
	my @body = ($put);

	push @body, 'SAVEPOINT s;', $more, 'ROLLBACK TO s;', $more if $kind < 0.15;
	push @body, 'SAVEPOINT s;', $more, 'RELEASE s;' if $kind > 0.15 && $kind < 0.3;
	push @body,
	  'COPY angzarr.events (root, domain, sequence, created_at, type_url, payload) FROM stdin;',
	  map({ sprintf("%08x-0000-4000-8000-%012x\tcopied\t0\t2026-01-01\t/t.Load\tx",
				rand(2**32), $writer * 1e9 + $number * 1e3 + $_) } 1 .. 1 + rand(20)),
	  '\\.'
	  if $kind > 0.3 && $kind < 0.4;
	push @body, $wait if rand() < 0.6;
	return join("\n", 'BEGIN;', @body, rand() < 0.1 ? 'ROLLBACK;' : 'COMMIT;') if $kind < 0.95;
	return join("\n",
		'BEGIN;', @body,
		"PREPARE TRANSACTION 'w${writer}_$number';",
		$wait, (rand() < 0.5 ? 'COMMIT' : 'ROLLBACK') . " PREPARED 'w${writer}_$number';");
}

# Passes when this reader has each committed event once, in order.
sub has_read_all
{
	my ($reader, $what) = @_;

	is( $node->safe_psql(
			'log', qq{
			WITH s AS (SELECT position, position > lag(position) OVER (ORDER BY id) AS rises
				FROM seen WHERE reader = '$reader')
			SELECT (SELECT count(*) FROM s) = (SELECT count(*) FROM angzarr.events),
				(SELECT count(*) FROM s WHERE NOT rises),
				(SELECT count(*) FROM (SELECT position FROM angzarr.events EXCEPT ALL SELECT position FROM s) AS m),
				(SELECT count(*) FROM (SELECT position FROM s EXCEPT ALL SELECT position FROM angzarr.events) AS m)}),
		't|0|0|0',
		"$what: $reader has each committed event once, in order, and no other");
}

# Writers and four readers; the fourth is a new session each time.
sub run_round
{
	my ($what, $transactions) = @_;
	my @readers = (1, 7, 500, 5000);
	my %sessions;
	my $begun = time;
	my $good = 1;

	for my $i (1 .. 4)
	{
		$node->safe_psql('log', "SELECT angzarr.subscribe('reader$i')");
		$sessions{"reader$i"} = start_session("$what-reader$i", "CALL read_all('reader$i', $readers[$i - 1] * 20);")
		  if $i < 4;
	}
	my %writers = map {
		my $writer = $_;
		("$what-writer$writer" => start_session("$what-writer$writer",
				join("\n", (map { transaction($writer, $_) } 1 .. $transactions),
					'UPDATE control SET writers = writers + 1;')))
	} 1 .. WRITERS;
	while ($node->safe_psql('log', 'SELECT writers FROM control') < WRITERS)
	{
		$node->safe_psql('log', "BEGIN;
			INSERT INTO seen (reader, position) SELECT 'reader4', position FROM angzarr.next_events('reader4', 5000);
			SELECT angzarr.ack('reader4', max(position)) FROM seen WHERE reader = 'reader4' HAVING max(position) > (SELECT position FROM angzarr.subscriptions WHERE component = 'reader4');
			COMMIT");
		last if time - $begun > ROUND_SECONDS;
	}
	$good &= end_session($_, $writers{$_}) for keys %writers;
	ok($good, "$what: the writers came to their end");
	$node->safe_psql('log', 'UPDATE control SET done = true');
	$good = 1;
	$good &= end_session("$what-$_", $sessions{$_}) for keys %sessions;
	$node->safe_psql('log', "CALL read_all('reader4', 100000)");
	ok($good, "$what: the readers came to their end");
	has_read_all("reader$_", $what) for 1 .. 4;
	my $count = $node->safe_psql('log', 'SELECT count(*) FROM angzarr.events');
	$total += $count;
	note(sprintf('%s: %d events in %.1f s', $what, $count, time - $begun));
}

# Passes when no stream has a hole, and each is in the log in its own order.
sub streams_are_sound
{
	is( $node->safe_psql(
			'log', q{
			SELECT count(*) FROM (
				SELECT sequence, position,
					row_number() OVER (PARTITION BY root, domain, edition ORDER BY sequence) - 1 AS expected,
					lag(position) OVER (PARTITION BY root, domain, edition ORDER BY sequence) AS before
				FROM angzarr.events) AS e
			WHERE sequence <> expected OR position <= before}),
		0,
		'inside a stream sequences have no hole, and positions rise with them');
}

make_database();
run_round('plain', 330);
streams_are_sound();
$node->safe_psql('postgres', 'DROP DATABASE log');

# The same while others are open that have nothing to do with events.
make_database();
$node->safe_psql('postgres', 'CREATE DATABASE other');
my $idle = $node->background_psql('other');
$idle->query_safe('BEGIN; SELECT txid_current();');
my $beside = $node->background_psql('log');
$beside->query_safe('BEGIN; CREATE TABLE beside (); LOCK TABLE angzarr.events IN SHARE UPDATE EXCLUSIVE MODE;');
$node->safe_psql('log', "BEGIN; CREATE TABLE later (); PREPARE TRANSACTION 'unrelated'");
run_round('beside idle and prepared transactions', 330);
is($node->safe_psql('log', 'SELECT angzarr.horizon() = last_value FROM angzarr.events_position_seq'),
	't', 'they do not hold the horizon');
is($node->safe_psql('log', 'SELECT count(*) FROM angzarr.stalled_by'), 0, 'and are not said to');
$node->safe_psql('log', "ROLLBACK PREPARED 'unrelated'");
$_->quit for $idle, $beside;
$node->safe_psql('postgres', 'DROP DATABASE log');

# The same without the library: what is installed where no C is allowed.
make_database();
$node->safe_psql(
	'log', q{
	ALTER EXTENSION angzarr DROP FUNCTION angzarr._fast_turn(oid);
	ALTER EXTENSION angzarr DROP FUNCTION angzarr._flush();
	DROP FUNCTION angzarr._fast_turn(oid);
	DROP FUNCTION angzarr._flush();});
run_round('in plain SQL', 60);
$node->safe_psql('postgres', 'DROP DATABASE log');
cmp_ok($total, '>=', 200_000, "that were $total events");

$node->stop;
done_testing();
