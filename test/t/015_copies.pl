# Copies of a database: their engine stays paused until somebody activates it,
# so that a copy never calls the business logic of the original.
use strict;
use warnings;

use AngzarrNode;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $root = '92ab9191-4f7d-5ff2-adcf-93a1e494c055';
my $state = "SELECT state || coalesce(': ' || message, '') FROM angzarr.workers WHERE database = ";

my $node = angzarr_node('copies');
$node->safe_psql('postgres', 'CREATE DATABASE shop');
$node->safe_psql('shop', 'CREATE EXTENSION angzarr');
$node->safe_psql('shop',
	"SELECT angzarr.append('order', '$root', 0, ARRAY[angzarr.new_event('a', '')]);"
	  . "SELECT angzarr.register_aggregate('order', 'unix:/nowhere');"
	  . "SELECT angzarr.register_projector('list', '{order}', 'unix:/nowhere'), angzarr.pause('list'),"
	  . " angzarr.register_saga('saga', 'order', 'unix:/nowhere'), angzarr.disable('saga')");

sub state_becomes
{
	my ($database, $expected, $name, $server) = @_;
	$server //= $node;
	ok( $server->poll_query_until($database, $state . "'$database'", $expected), $name)
	  or diag($server->safe_psql($database, $state . "'$database'"));
	return;
}

my $paused = 'idle: it is a copy of another database';

state_becomes('shop', 'running', 'where it was created the engine serves');
is($node->safe_psql('shop', 'SELECT angzarr.activate()'), 'f', 'and there is nothing to activate');

# It serves after a restart and under another name: that is no copy.
$node->safe_psql('postgres', 'ALTER DATABASE shop RENAME TO store');
state_becomes('store', 'running', 'a renamed database is no copy');
$node->restart;
state_becomes('store', 'running', 'nor is it after a restart');

# A copy by template.
my $offset = -s $node->logfile;
$node->safe_psql('postgres', 'CREATE DATABASE twin TEMPLATE store');
state_becomes('twin', $paused, 'a database made from it as a template is paused');
ok( $node->wait_for_log(
		qr/WARNING: .*does not serve database "twin": it is a copy of another database.*\n.*HINT: .*angzarr\.activate\(\)/,
		$offset),
	'the log says so, and what to do');
is($node->safe_psql('twin', "SELECT angzarr.append('order', '$root', 1, ARRAY[angzarr.new_event('b', '')])"),
	'2', 'in SQL it can be used all the same');
is($node->safe_psql('twin', 'SELECT angzarr.activate()'), 't', 'it can be activated');
state_becomes('twin', 'running', 'then it serves');
state_becomes('store', 'running', 'and so does the original, as before');
is($node->safe_psql('twin', 'BEGIN; DELETE FROM angzarr._activations; ROLLBACK; SELECT angzarr.activate()'),
	'f', 'a second time there is nothing to do');
$node->restart;
state_becomes('twin', 'running', 'it is activated for good');

# A dump, restored beside it: by psql, and by several processes.
my $cursors = 'SELECT component, position, status, epoch FROM angzarr.subscriptions ORDER BY component';
my $epoch = $node->safe_psql('store', 'SELECT max(epoch) FROM angzarr.subscriptions');
is($node->safe_psql('store', $cursors), 'list|0|paused|' . ($epoch - 1) . "\nsaga|1|active|$epoch",
	'the original has two cursors');
my $plain = $node->backup_dir . '/store.sql';
my $custom = $node->backup_dir . '/store.dump';
$node->command_ok([ 'pg_dump', '-f', $plain, $node->connstr('store') ], 'a plain dump can be made');
$node->command_ok([ 'pg_dump', '-Fc', '-f', $custom, $node->connstr('store') ], 'and another one');
$node->safe_psql('postgres', "CREATE DATABASE $_") for qw(by_psql by_restore);
$node->command_ok([ 'psql', '-q', '-X', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('by_psql'), '-f', $plain ],
	'one is restored by psql');
$node->command_ok([ 'pg_restore', '-j', '4', '-d', $node->connstr('by_restore'), $custom ],
	'the other one by pg_restore');
my $next = $node->safe_psql('store',
	"SELECT angzarr.append('order', '$root', 1, ARRAY[angzarr.new_event('b', '')]);"
	  . 'SELECT max(position) FROM angzarr.events');
for my $database (qw(by_psql by_restore))
{
	state_becomes($database, $paused, "$database is paused");
	is( $node->safe_psql($database,
			"SELECT angzarr.append('order', '$root', 1, ARRAY[angzarr.new_event('b', '')]);"
			  . 'SELECT max(position) FROM angzarr.events'),
		$next, "$database goes on at the same sequence and position");
	is($node->safe_psql($database, 'SELECT count(*) FROM angzarr.verify()'), '0', "$database is sound");
	is($node->safe_psql($database, $cursors), $node->safe_psql('store', $cursors), "$database has the cursors");
	is( $node->safe_psql($database,
			"SELECT message FROM angzarr.subscriptions_lag WHERE component = 'list'"),
		'it is paused: see angzarr.resume()', "in $database what was paused is");
	is( $node->safe_psql($database,
			"SELECT angzarr.enable('saga');"
			  . "SELECT message FROM angzarr.subscriptions_lag WHERE component = 'saga'"),
		"\nthis database is a copy: see angzarr.activate()",
		"in $database the view says that nothing is delivered in a copy");
	is( $node->safe_psql($database,
			"SELECT angzarr.disable('saga'); SELECT angzarr.reset('saga', 0);"
			  . "SELECT epoch > $epoch FROM angzarr.subscriptions WHERE component = 'saga'"),
		"\n1\nt", "$database goes on counting epochs");
	is($node->safe_psql($database, 'SELECT angzarr.activate()'), 't', "$database can be activated");
	state_becomes($database, 'running', "$database serves then");
}

# Restored in place of the original, which is dropped before: that is no copy.
$node->command_ok([ 'pg_dump', '-Fc', '-f', $custom, $node->connstr('store') ], 'a dump of today');
$node->command_ok([ 'pg_restore', '--clean', '-d', $node->connstr('store'), $custom ],
	'is restored in place');
is($node->safe_psql('store', 'SELECT count(*) FROM angzarr.events'), '2', 'the events are back');
is($node->safe_psql('store', 'SELECT angzarr.activate()'), 'f', 'and it is no copy');
state_becomes('store', 'running', 'so it serves');

# On another server.
my $other = angzarr_node('elsewhere');
$other->safe_psql('postgres', 'CREATE DATABASE store');
$other->command_ok([ 'psql', '-q', '-X', '-v', 'ON_ERROR_STOP=1', '-d', $other->connstr('store'), '-f', $plain ],
	'another server gets the dump');
state_becomes('store', $paused, 'and its engine is paused', $other);
$other->safe_psql('store', 'SELECT angzarr.activate()');
state_becomes('store', 'running', 'until it is activated', $other);

$other->stop;
$node->stop;
done_testing();
