# What is registered reaches the engine when it is committed, not by polling.
use strict;
use warnings;

use AngzarrNode;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = angzarr_node('main',
	"angzarr.catalog_poll_interval = '1d'", 'max_prepared_transactions = 2');
my $transactions = 'SELECT transactions FROM angzarr.workers';

$node->safe_psql('postgres', 'CREATE EXTENSION angzarr');
ok($node->poll_query_until('postgres', "SELECT transactions > 0 FROM angzarr.workers"),
	'an engine reads the components when it starts');

# Passes when this makes the engine read them once more.
sub is_read_after
{
	my ($sql, $name) = @_;
	my $before = $node->safe_psql('postgres', $transactions);

	$node->safe_psql('postgres', $sql);
	ok( $node->poll_query_until('postgres',
			"SELECT transactions > $before FROM angzarr.workers"),
		$name);
}

# Passes when this does not, until something else does.
sub is_not_read_after
{
	my ($sql, $name) = @_;
	my $before = $node->safe_psql('postgres', $transactions);

	$node->safe_psql('postgres', $sql);
	is($node->safe_psql('postgres', $transactions), $before, $name);
}

is_read_after("SELECT angzarr.register_aggregate('order', 'grpc://localhost:1')",
	'it reads them after register_aggregate');
is_read_after("SELECT angzarr.unregister('order')", 'and after unregister');

# A disabled component gets nothing, so that the engine has nothing else to do.
is_read_after(
	"BEGIN; SELECT angzarr.register_projector('list', '{}', 'unix:/nowhere');"
	  . " SELECT angzarr.disable('list'); COMMIT",
	'and after register_projector');
is_read_after("SELECT angzarr.pause('list')", 'and after pause');
is_read_after("SELECT angzarr.resume('list')", 'and after resume');
is_read_after("SELECT angzarr.reset('list', 0)", 'and after reset');
is_not_read_after("SELECT angzarr.resume('list')", 'not when there was nothing to resume');
is_not_read_after(
	"UPDATE angzarr.subscriptions SET position = 1, status = 'failing', updated_at = now()",
	'nor after a cursor has moved or fails');
is_read_after('TRUNCATE angzarr.components', 'and after TRUNCATE');

# Without a commit there is nothing to read.
my $before = $node->safe_psql('postgres', $transactions);
$node->safe_psql('postgres',
	"BEGIN; SELECT angzarr.register_aggregate('order', 'grpc://localhost:1'); ROLLBACK");
$node->safe_psql('postgres',
	"BEGIN; SELECT angzarr.register_aggregate('order', 'grpc://localhost:1');"
	  . " PREPARE TRANSACTION 'p'");
is($node->safe_psql('postgres', $transactions), $before,
	'it does not read them after a rollback or a PREPARE TRANSACTION');
is_read_after("COMMIT PREPARED 'p'", 'but after COMMIT PREPARED');

$node->stop;
done_testing();
