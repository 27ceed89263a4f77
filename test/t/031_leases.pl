# Of two engines one delivers to a component, and the other takes over when that one ends.
use strict;
use warnings;

use AngzarrNode;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use constant SOON => 5;

# Nothing is found by looking again after a while.
my $node = angzarr_node('main', 'angzarr.workers = 2', "angzarr.catalog_poll_interval = '10min'",
	"angzarr.log_poll_interval = '10min'");

# The processes that have leases of components; that of the outbox is another.
sub holders
{
	return $node->safe_psql('postgres', <<'SQL');
SELECT coalesce(string_agg(DISTINCT l.pid::text, ','), '')
FROM pg_locks AS l
WHERE l.locktype = 'advisory' AND l.classid = 1634625377
    AND l.objid::bigint = angzarr._lease_key('summary')::bigint & 4294967295
SQL
}

$node->safe_psql('postgres', 'CREATE EXTENSION angzarr');
ok( $node->poll_query_until('postgres', "SELECT count(*) = 2 FROM angzarr.workers WHERE state = 'running'"),
	'two engines run');
$node->safe_psql('postgres', "SELECT angzarr.register_projector('summary', '{order}', 'grpc://127.0.0.1:1')");
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND classid = 1634625377 AND objid::bigint = angzarr._lease_key('summary')::bigint & 4294967295"),
	'one of them has the lease');
my $first = holders();
like($first, qr/^\d+$/, 'and no other');
my $since = time();
$node->safe_psql('postgres', "SELECT pg_terminate_backend($first)");
ok( $node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND classid = 1634625377 AND objid::bigint = angzarr._lease_key('summary')::bigint & 4294967295 AND pid <> $first"),
	'when it ends another one has it');
cmp_ok(time() - $since, '<', SOON, 'within 5 s');
done_testing();
