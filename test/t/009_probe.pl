# The probe sees what other transactions are writing, and never waits for it.
use strict;
use warnings;

use AngzarrNode;
use PostgreSQL::Test::BackgroundPsql;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant {
	FREE => 0,
	TAKEN => 1,
	BUSY => 2,
	AHEAD => 3,
	ROOT => '92ab9191-4f7d-5ff2-adcf-93a1e494c055',
	OTHER_ROOT => '3048e4a7-ccd9-52e1-b211-acebab1cc96f'
};

my $node = angzarr_node('main');
$node->safe_psql('postgres', 'CREATE EXTENSION angzarr');

# What the probe says of these expected sequences of one root.
sub probe_sql
{
	my ($root, @expected) = @_;
	my $n = @expected;

	return "SELECT array_to_string(angzarr._probe(array_fill('$root'::uuid, '{$n}'),"
	  . " array_fill('order'::text, '{$n}'), array_fill(''::text, '{$n}'),"
	  . " '{" . join(',', @expected) . "}'), ' ')";
}

sub probes_as
{
	my ($expected, $found, $name, $root) = @_;

	is($node->safe_psql('postgres', probe_sql($root // ROOT, @$expected)),
		join(' ', @$found), $name);
}

sub append_sql
{
	my ($root, $sequence) = @_;
	return "SELECT angzarr.append('order', '$root', $sequence,"
	  . " ARRAY[angzarr.new_event('orders.X', '\\x01')])";
}

# Without other transactions.
probes_as([ 0, 1, 5 ], [ FREE, AHEAD, AHEAD ], 'an empty stream begins with 0');
$node->safe_psql('postgres', append_sql(ROOT, 0) . ';' . append_sql(ROOT, 1));
probes_as([ 0, 1, 2, 3 ], [ TAKEN, TAKEN, FREE, AHEAD ],
	'after two events the third place is free');
probes_as([0], [FREE], 'another root is another stream', OTHER_ROOT);
is( $node->safe_psql('postgres', "SELECT angzarr._probe('{}', '{}', '{}', '{}')"),
	'{}', 'no keys, no answers');
is( $node->safe_psql('postgres',
		"SELECT angzarr._probe(ARRAY['" . ROOT . "', '" . ROOT . "']::uuid[],"
		  . " '{order,orde}', '{\"\",\"\"}', '{2,2}')"),
	'{0,3}', 'another domain is another stream');

# An open transaction appends.
my $writer = $node->background_psql('postgres', on_error_stop => 0);
$writer->query_safe('BEGIN');
$writer->query_safe(append_sql(ROOT, 2));
is($writer->query_safe(probe_sql(ROOT, 2, 3)), TAKEN . ' ' . FREE,
	'to the writer its own events are there');
probes_as([ 1, 2, 3, 4 ], [ TAKEN, BUSY, BUSY, AHEAD ],
	'to others its place and the next one are busy');
$writer->query_safe('ROLLBACK');
probes_as([ 1, 2, 3 ], [ TAKEN, FREE, AHEAD ], 'a rollback makes the place free');
$writer->query_safe('BEGIN');
$writer->query_safe(append_sql(ROOT, 2));
$writer->query_safe('SAVEPOINT s');
$writer->query_safe(append_sql(ROOT, 3));
$writer->query_safe('ROLLBACK TO s');
is($writer->query_safe(probe_sql(ROOT, 2, 3, 4)), join(' ', TAKEN, FREE, AHEAD),
	'to the writer what a savepoint took back is not there');
$writer->query_safe('COMMIT');
probes_as([ 2, 3, 4 ], [ TAKEN, FREE, AHEAD ], 'a commit makes it taken');

# An open transaction deletes.
$writer->query_safe('BEGIN');
$writer->query_safe("DELETE FROM angzarr.events WHERE sequence = 2");
probes_as([ 1, 2, 3 ], [ TAKEN, BUSY, BUSY ], 'a place that is being deleted is busy');
$writer->query_safe('ROLLBACK');
probes_as([ 2, 3 ], [ TAKEN, FREE ], 'and taken when that is taken back');

# A snapshot stands for the events up to it.
$node->safe_psql('postgres',
	"INSERT INTO angzarr.snapshots (root, domain, edition, sequence, type_url, state)"
	  . " VALUES ('" . OTHER_ROOT . "', 'order', '', 41, 'orders.State', '\\x01')");
probes_as([ 41, 42, 43 ], [ AHEAD, FREE, AHEAD ],
	'after a snapshot at 41 place 42 is free', OTHER_ROOT);
probes_as([ 0 ], [ TAKEN ],
	'where only a snapshot is left the stream does not begin anew', OTHER_ROOT);

# Bad arguments.
my ($status, $stdout, $stderr) = $node->psql('postgres',
	"SELECT angzarr._probe(ARRAY['" . ROOT . "']::uuid[], '{order}', '{\"\"}', '{-1}')");
like($stderr, qr/expected sequence -1 is negative/, 'a negative sequence is refused');
($status, $stdout, $stderr) = $node->psql('postgres',
	"SELECT angzarr._probe(ARRAY['" . ROOT . "']::uuid[], '{order,order}', '{\"\"}', '{1}')");
like($stderr, qr/must be of one length/, 'arrays of different lengths are refused');
($status, $stdout, $stderr) = $node->psql('postgres',
	"SELECT angzarr._probe(ARRAY[NULL]::uuid[], '{order}', '{\"\"}', '{1}')");
like($stderr, qr/no nulls/, 'nulls are refused');

$writer->quit;
$node->stop;
done_testing();
