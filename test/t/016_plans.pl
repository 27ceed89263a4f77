# Among a million events every look at a stream goes by its key, and reads the
# rows of that stream alone.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $big = '00000000-0000-0000-0000-000000001000';
my $small = "md5('7')::uuid";

my $node = PostgreSQL::Test::Cluster->new('plans');
$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
$node->append_conf('postgresql.conf', "autovacuum = off\nmax_wal_size = '4GB'\nsynchronous_commit = off");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION angzarr');

# The engine's session: its plan of reading the log is made while there is nothing, and stays.
my $young = $node->background_psql('postgres');
$young->query_safe("SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET jit = off;"
	  . ' PREPARE read_log AS SELECT count(*) FROM angzarr._read_log($1, $2, 1000, 1000000, true);'
	  . ' EXECUTE read_log(0, 10)');

# A thousand events of one aggregate, ten of each of 99,900 others.
$node->safe_psql('postgres', <<"SQL");
INSERT INTO angzarr.events (root, domain, sequence, created_at, type_url, payload)
SELECT '$big', 'order', i, timestamptz '2026-01-01' + i * interval '1 minute', '/a', '\\x0a'
FROM generate_series(0, 999) AS i;
INSERT INTO angzarr.events (root, domain, sequence, created_at, type_url, payload)
SELECT md5(i::text)::uuid, 'order', s, timestamptz '2026-01-01' + s * interval '1 minute', '/a', '\\x0a'
FROM generate_series(0, 9) AS s, generate_series(1, 99900) AS i;
SQL
is($node->safe_psql('postgres', 'SELECT count(*) FROM angzarr.events'), '1000000', 'there are a million events');

# The plans of all statements that this runs, and how many rows of events it read.
sub look
{
	my ($query) = @_;
	my ($code, $out, $err) = $node->psql('postgres', <<"SQL");
LOAD 'auto_explain';
SET auto_explain.log_min_duration = 0;
SET auto_explain.log_nested_statements = on;
SET auto_explain.log_analyze = on;
SET auto_explain.log_timing = off;
BEGIN;
SET client_min_messages = log;
$query;
SET client_min_messages = notice;
SET auto_explain.log_min_duration = -1;
SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)
FROM pg_stat_xact_user_tables WHERE schemaname = 'angzarr' AND relname = 'events';
COMMIT;
SQL
	is($code, 0, "it runs: $query") or diag($err);
	return ($err, split(/\n/, $out));
}

# Passes when it gives so many rows, by index scans, and reads no more than these.
sub goes_by_key
{
	my ($name, $query, $rows, $reads) = @_;
	my ($plans, $counted, $read) = look("SELECT count(*) FROM $query");

	is($counted, $rows, "$name gives $rows rows");
	like($plans, qr/Index (Only )?Scan (Backward )?using events_pkey on events|Bitmap Index Scan on events_pkey/, "$name goes by the key");
	unlike($plans, qr/Seq Scan on events/, "$name never scans the table");
	cmp_ok($read, '<=', $reads, "$name reads $reads rows at most");
	return;
}

for my $state ('before', 'after')
{
	$node->safe_psql('postgres', 'VACUUM ANALYZE angzarr.events') if $state eq 'after';
	my $when = "$state ANALYZE:";

	goes_by_key("$when book of 1,000 events", "angzarr.book('order', '$big')", 1000, 1002);
	goes_by_key("$when book of 10 events", "angzarr.book('order', $small)", 10, 12);
	goes_by_key("$when events_of", "angzarr.events_of('order', '$big')", 1000, 1002);
	goes_by_key("$when events_of a range",
		"angzarr.events_of('order', '$big', from_sequence => 500, to_sequence => 509)", 10, 12);
	goes_by_key("$when events as of a sequence",
		"angzarr.events_as_of('order', '$big', as_of_sequence => 99)", 100, 102);
	# Where the first later event is, is looked for in the stream too.
	goes_by_key("$when events as of a time",
		"angzarr.events_as_of('order', '$big', as_of => timestamptz '2026-01-01 01:39')", 100, 2102);
	goes_by_key("$when book as of a time",
		"angzarr.book('order', '$big', as_of => timestamptz '2026-01-01 01:39')", 100, 2102);
	goes_by_key("$when a hundred books at once", "angzarr._load_books("
		  . "(SELECT array_agg(md5(i::text)::uuid) FROM generate_series(1, 100) AS i),"
		  . " array_fill('order'::text, '{100}'), array_fill(''::text, '{100}'),"
		  . " array_fill(true, '{100}'), NULL, NULL)", 1000, 1202);
}

# Queries by correlation id go by its index, and read in proportion to what has it.
$node->safe_psql('postgres', <<'SQL');
INSERT INTO angzarr.events (root, domain, sequence, created_at, correlation_id, type_url, payload)
SELECT md5('c' || (i % 20))::uuid, 'order', i / 20, now(), 'together', '/a', '\x0a' FROM generate_series(0, 199) AS i;
INSERT INTO angzarr.events (root, domain, sequence, created_at, correlation_id, type_url, payload)
SELECT md5('d' || i)::uuid, 'order', 0, now(), 'id-' || i, '/a', '\x0a' FROM generate_series(1, 20000) AS i;
SQL
my $c = "md5('c7')::uuid";
my $every = '0, 9223372036854775807';
for my $state ('before', 'after')
{
	$node->safe_psql('postgres', 'VACUUM ANALYZE angzarr.events') if $state eq 'after';
	for my $case (
		[ 'aggregates with a correlation id', "angzarr._correlated('together', '', NULL, '', '{}', '{}', $every, 100)", 20, 202 ],
		[ 'aggregates of an edition with one', "angzarr._correlated('together', '', NULL, 'x', '{}', '{}', $every, 100)", 20, 282 ],
		[ 'pages of an aggregate with one', "angzarr._read_pages($c, 'order', '', NULL, 'together', NULL, $every, $every, 1000, 1000000)", 10, 202 ],
		[ 'the last page of an aggregate with one', "angzarr._last_page($c, 'order', '', NULL, 'together', NULL, $every, 9223372036854775807)", 1, 202 ])
	{
		my ($name, $query, $rows, $reads) = @$case;
		my ($plans, $counted, $read) = look("SELECT count(*) FROM $query");
		is($counted, $rows, "$state ANALYZE: $name gives $rows rows");
		like($plans, qr/using events_correlation_idx on events/, "$state ANALYZE: $name goes by events_correlation_idx");
		unlike($plans, qr/Seq Scan on events/, "$state ANALYZE: $name never scans the table");
		cmp_ok($read, '<=', $reads, "$state ANALYZE: $name reads $reads rows at most");
	}

	# A piece of a long book reads that piece; a plan reads its end.
	goes_by_key("$state ANALYZE: a piece of a book",
		"angzarr._read_pages('$big', 'order', '', NULL, '', NULL, 500, 9223372036854775807, $every, 50, 1000000)", 50, 53);
	goes_by_key("$state ANALYZE: a piece of some bytes",
		"angzarr._read_pages('$big', 'order', '', NULL, '', NULL, 0, 9223372036854775807, $every, 1000, 190)", 10, 13);
	goes_by_key("$state ANALYZE: pages with certain sequences",
		"angzarr._read_pages('$big', 'order', '', NULL, '', '{1,500,999,2000}', $every, $every, 1000, 1000000)", 3, 8);
	goes_by_key("$state ANALYZE: the plan of a book", "angzarr._read_plan('$big', 'order', '', NULL, '', NULL, true,"
		  . " $every, NULL, 9223372036854775807)", 1, 2);
	# Roots are found by jumping from one to the next, without a sort of the log.
	my ($plans, $counted, $read) = look("SELECT count(*) FROM angzarr._roots('80000000-0000-0000-0000-000000000000', '', 1000)");
	is($counted, 1000, "$state ANALYZE: a thousand roots are found");
	cmp_ok($read, '<=', 1002, "$state ANALYZE: by reading one event of each");
	unlike($plans, qr/Sort/, "$state ANALYZE: without a sort");
}

# A look at the head reads one row, however long the stream is.
my ($plans, $next, $read) = look("SELECT angzarr.next_sequence('order', '$big')");
is($next, '1000', 'the next sequence is found');
cmp_ok($read, '<=', 1, 'by reading one row');

# Nor does a look at many heads at once read more than one row of each.
my $heads = "angzarr._heads((SELECT array_agg(md5(i::text)::uuid) FROM generate_series(1, 100) AS i),"
  . " array_fill('order'::text, '{100}'))";
goes_by_key('a hundred heads at once', $heads, 100, 100);

# And an append looks at the head only.
($plans, $next, $read) =
  look("SELECT angzarr.append('order', '$big', 1000, ARRAY[angzarr.new_event('a', '')])");
is($next, '1001', 'an append finds its place');
cmp_ok($read, '<=', 2, 'without reading the stream');
unlike($plans, qr/Seq Scan on events/, 'nor the table');

# Readers of the log go by position, in the whole of it and in a domain's.
for my $domains ("'{}'", "'{order}'")
{
	$node->safe_psql('postgres', "SELECT angzarr.subscribe('reader', $domains, from_position => 500000)");
	($plans, $next, $read) = look("SELECT count(*) FROM angzarr.next_events('reader', 100)");
	is($next, '100', "next_events of $domains gives what was asked for");
	like($plans, qr/Index Scan using events_(domain_)?position_idx on events/, "next_events of $domains goes by an index");
	cmp_ok($read, '<=', 102, "next_events of $domains reads 102 rows at most");
	unlike($plans, qr/Seq Scan on events/, "next_events of $domains never scans the table");
	$node->safe_psql('postgres', "SELECT angzarr.unsubscribe('reader')");
}

# So does who follows it, also where everything belongs together: 10,000 events of one stream, then of as many.
$node->safe_psql('postgres', <<"SQL");
INSERT INTO angzarr.events (root, domain, sequence, created_at, type_url, payload, correlation_id)
SELECT '00000000-0000-0000-0000-000000002000', 'order', i, '2026-01-01', '/a', '\\x0a', 'all'
FROM generate_series(0, 9999) AS i;
INSERT INTO angzarr.events (root, domain, sequence, created_at, type_url, payload, correlation_id)
SELECT md5('x' || i)::uuid, 'order', 0, '2026-01-01', '/a', '\\x0a', 'all'
FROM generate_series(1, 10000) AS i;
SQL
my $last = $node->safe_psql('postgres', 'SELECT max(position) FROM angzarr.events');
for my $from ($last - 20000, $last - 1000)
{
	($plans, $next, $read) = look("SELECT count(*) FROM angzarr._read_log($from, $last, 1000, 1000000, true)");
	is($next, '1000', "_read_log after $from gives what was asked for");
	cmp_ok($read, '<=', 3002, 'and reads, of each event, that one and those beside it in its stream at most');
	my $count = $young->query_safe("BEGIN; EXECUTE read_log($from, $last)");
	$read = $young->query_safe('SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)'
		  . " FROM pg_stat_xact_user_tables WHERE schemaname = 'angzarr' AND relname = 'events'; COMMIT");
	is($count, '1000', 'in a session that is older than all events, too');
	cmp_ok($read, '<=', 3002, 'it reads no more than that');
}
$young->quit;

$node->stop;
done_testing();
