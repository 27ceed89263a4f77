# Every released version is updated to this one over every path there is, and is
# then what a fresh installation is; the store goes on where it was.
use strict;
use warnings;

use AngzarrNode;
use File::Basename qw(basename);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $root = '92ab9191-4f7d-5ff2-adcf-93a1e494c055';
my $new_event = "ARRAY[angzarr.new_event('shop.Added', 'x')]";
my $dropped = 'COMMENT ON VIEW angzarr.aggregates';

# All that belongs to the extension, a line each: what it is, how it is made, who
# may use it, what is said of it.
my $catalog = <<'SQL';
SET search_path = pg_catalog;
WITH member AS (
	SELECT d.classid, d.objid FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid
	WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'angzarr'
), relation AS (
	SELECT c.* FROM pg_class AS c JOIN member AS m ON m.classid = 'pg_class'::regclass AND m.objid = c.oid
)
SELECT concat_ws(' ~ ', pg_describe_object(m.classid, m.objid, 0),
	obj_description(m.objid, (SELECT relname FROM pg_class WHERE oid = m.classid)))
FROM member AS m
UNION ALL
SELECT concat_ws(' ~ ', pg_get_functiondef(p.oid), p.proacl)
FROM pg_proc AS p JOIN member AS m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid
UNION ALL
SELECT concat_ws(' ~ ', r.oid::regclass, r.relkind, r.reloptions, r.relacl,
	(SELECT t.reloptions FROM pg_class AS t WHERE t.oid = r.reltoastrelid),
	CASE r.relkind WHEN 'v' THEN pg_get_viewdef(r.oid) WHEN 'S' THEN (SELECT s::text FROM pg_sequences AS s
		WHERE s.schemaname = 'angzarr' AND s.sequencename = r.relname) END)
FROM relation AS r
UNION ALL
SELECT concat_ws(' ~ ', r.oid::regclass, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
	a.attidentity, a.attcollation::regcollation, pg_get_expr(f.adbin, f.adrelid), col_description(r.oid, a.attnum))
FROM relation AS r JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0
LEFT JOIN pg_attrdef AS f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
UNION ALL
SELECT concat_ws(' ~ ', r.oid::regclass, c.conname, pg_get_constraintdef(c.oid))
FROM relation AS r JOIN pg_constraint AS c ON c.conrelid = r.oid
UNION ALL
SELECT concat_ws(' ~ ', pg_get_indexdef(i.indexrelid), obj_description(i.indexrelid, 'pg_class'))
FROM relation AS r JOIN pg_index AS i ON i.indrelid = r.oid
UNION ALL
SELECT concat_ws(' ~ ', pg_get_triggerdef(t.oid), t.tgenabled, obj_description(t.oid, 'pg_trigger'))
FROM relation AS r JOIN pg_trigger AS t ON t.tgrelid = r.oid AND NOT t.tgisinternal
UNION ALL
SELECT concat_ws(' ~ ', 'dumped', c.oid::regclass, c.condition)
FROM pg_extension AS e, unnest(e.extconfig, e.extcondition) AS c (oid, condition) WHERE e.extname = 'angzarr'
UNION ALL
SELECT concat_ws(' ~ ', 'version', e.extversion) FROM pg_extension AS e WHERE e.extname = 'angzarr'
ORDER BY 1
SQL

# What one list of lines has more than the other.
sub beyond
{
	my ($these, $those) = @_;
	my %known = map { $_ => 1 } split /\n/, $those;
	return join "\n", grep { !$known{$_} } split /\n/, $these;
}

# Installs that version, puts something in, updates step by step and looks.
sub walk
{
	my ($node, $fresh, $from, @steps) = @_;
	my $way = join ' to ', $from, @steps;
	$node->safe_psql('postgres', 'DROP DATABASE IF EXISTS walk WITH (FORCE)');
	$node->safe_psql('postgres', 'CREATE DATABASE walk');
	$node->safe_psql('walk', "CREATE EXTENSION angzarr VERSION '$from'");
	$node->safe_psql('walk', "SELECT angzarr.append('order', '$root', 0, $new_event)");
	my $rows = $node->safe_psql('walk', 'SELECT * FROM angzarr.events ORDER BY position');
	my $last = $node->safe_psql('walk', 'SELECT last_value FROM angzarr.events_position_seq');
	my $state = "SELECT state FROM angzarr.workers WHERE database = 'walk'";

	ok($node->poll_query_until('walk', $state, 'idle'),
		"$way: the library of this version does not serve the older one");
	my $session = $node->background_psql('walk');
	$session->query_safe("SELECT angzarr.next_sequence('order', '$root')");
	$node->safe_psql('walk', "ALTER EXTENSION angzarr UPDATE TO '$_'") for @steps;
	ok($node->poll_query_until('walk', $state, 'running'), "$way: after the update it serves, without a restart");
	is($node->safe_psql('walk', 'SELECT * FROM angzarr.events ORDER BY position'), $rows, "$way: every row is as it was");
	is($session->query_safe("SELECT angzarr.append('order', '$root', 1, $new_event)"),
		'2', "$way: a session that was there before appends");
	$session->quit;
	is($node->safe_psql('walk', 'SELECT max(position) FROM angzarr.events'), $last + 1, "$way: at the next position");
	is($node->safe_psql('walk', 'SELECT count(*) FROM angzarr.verify()'), '0', "$way: the store is sound");
	# The sequence has moved, and is not what is compared.
	$node->safe_psql('walk', "SELECT setval('angzarr.events_position_seq', 1, false)");
	my $walked = $node->safe_psql('walk', $catalog);
	is(beyond($walked, $fresh), '', "$way: nothing is other than in a fresh installation");
	is(beyond($fresh, $walked), '', "$way: and nothing is missing");
	return;
}

# Every way over the delta scripts from one version to another.
sub paths
{
	my ($deltas, $from, $to, @been) = @_;
	return ([]) if $from eq $to;
	my @found;
	for my $next (grep { my $n = $_; !grep { $_ eq $n } @been } @{ $deltas->{$from} // [] })
	{
		push @found, map { [ $next, @$_ ] } paths($deltas, $next, $to, @been, $from);
	}
	return @found;
}

# An installation of our own, to plant an older version in: this one less a comment.
my $prefix = `pg_config --bindir` =~ s|/lib/postgresql/15/bin\s*$||r;
my $own = PostgreSQL::Test::Utils::tempdir . '/pg';
system_or_bail('cp', '-a', $prefix, $own);
my $scripts = "$own/share/postgresql/15/extension";
my ($current) = slurp_file("$scripts/angzarr.control") =~ /default_version = '(.+)'/;
my $script = slurp_file("$scripts/angzarr--$current.sql");
my ($comment) = $script =~ /^(\Q$dropped\E\b.*?';\n)/ms;
ok($comment, 'the script has the comment that the planted version has not');
append_to_file("$scripts/angzarr--0.0.sql", $script =~ s/\Q$comment\E//r);
append_to_file("$scripts/angzarr--0.0--$current.sql",
	"\\echo Use \"ALTER EXTENSION angzarr UPDATE\" to load this file. \\quit\n\n$comment");

my $node = PostgreSQL::Test::Cluster->new('walk', install_path => "$own/lib/postgresql/15");
$node->init(auth_extra => [], extra => [ '-E', 'UTF8', '--locale=C.UTF-8' ]);
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'angzarr'\nmax_worker_processes = 16");
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE fresh');
$node->safe_psql('fresh', 'CREATE EXTENSION angzarr');
my $fresh = $node->safe_psql('fresh', $catalog);
cmp_ok(scalar(() = $fresh =~ /^function /mg), '>', 100, 'the catalog is looked at');

# The look at the catalog sees a difference as small as that comment.
$node->safe_psql('postgres', 'CREATE DATABASE older');
$node->safe_psql('older', "CREATE EXTENSION angzarr VERSION '0.0'");
my $older = $node->safe_psql('older', $catalog);
like(beyond($fresh, $older), qr/\Aversion ~ \Q$current\E\nview angzarr\.aggregates ~ .+\z/,
	'a missing comment and another version are seen, and nothing else');
is(beyond($older, $fresh), "version ~ 0.0\nview angzarr.aggregates", 'from both sides');
walk($node, $fresh, '0.0', $current);

# The released ones: scripts beside the built one, and the deltas between them.
my (%deltas, @released);
for (map { basename($_) } sort glob "$scripts/angzarr--*.sql")
{
	push @{ $deltas{$1} }, $2 if /^angzarr--(.+?)--(.+)\.sql$/;
	push @released, $1 if /^angzarr--((?:(?!--).)+)\.sql$/ && $1 ne $current && $1 ne '0.0';
}
SKIP:
{
	skip('there is no released version yet, so there is nothing else to update from', 1) unless @released;
	for my $version (@released)
	{
		my @paths = paths(\%deltas, $version, $current);
		ok(scalar @paths, "there is a way from version $version to $current");
		walk($node, $fresh, $version, @$_) for @paths;
	}
}

$node->stop;
done_testing();
