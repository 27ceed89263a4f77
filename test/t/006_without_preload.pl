# Without shared_preload_libraries the SQL works, and says what to set.
use strict;
use warnings;

use AngzarrNode;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '-E', 'UTF8', '--locale=C.UTF-8' ]);
$node->start;

$node->safe_psql('postgres', 'CREATE EXTENSION angzarr');
my $root = '92ab9191-4f7d-5ff2-adcf-93a1e494c055';
is( $node->safe_psql('postgres',
		"SELECT angzarr.append('order', '$root', 0,"
		  . " ARRAY[angzarr.new_event('orders.OrderCreated', '\\x01')])"),
	1, 'an event can be appended');
is($node->safe_psql('postgres', 'SELECT count(*) FROM angzarr.events'), 1, 'and is there');
is($node->safe_psql('postgres', 'SELECT angzarr._engine_available()'), 'f', 'no engine is available');
is($node->safe_psql('postgres', 'SELECT count(*) FROM angzarr.workers'), 0, 'view workers is empty');

my ($status, $stdout, $stderr) = $node->psql('postgres',
	"SELECT angzarr.register_aggregate('order', 'grpc://localhost:1')");
is($status, 0, 'a component can be registered');
like($stderr, qr/shared_preload_libraries = 'angzarr'/, 'and what to set is said');

# So it is with what gets events; how far it is behind can be seen.
($status, $stdout, $stderr) = $node->psql('postgres',
	"SELECT angzarr.register_projector('list', '{order}', 'unix:/nowhere')");
is($status, 0, 'a projector can be registered');
like($stderr, qr/shared_preload_libraries = 'angzarr'/, 'with the same warning');
is( $node->safe_psql('postgres',
		'SELECT status, position, horizon, events_behind FROM angzarr.subscriptions_lag'),
	'active|0|1|1', 'subscriptions_lag tells how far it is behind');
is( $node->safe_psql('postgres',
		"SELECT angzarr.pause('list'), angzarr.reset('list', 1);"
		  . 'SELECT status, position, horizon, events_behind FROM angzarr.subscriptions_lag'),
	"|0\npaused|1|1|0", 'it can be paused and reset');
$node->safe_psql('postgres', "SELECT angzarr.unregister('list')");

# The settings of a library that is not preloaded.
is( $node->safe_psql('postgres',
		'SELECT angzarr._engine_available(); SHOW angzarr.listen_port'),
	"f\n1310", 'settings can be shown');
is($node->safe_psql('postgres',
		"SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'angzarr%'"),
	0, 'no process of ours runs');
$node->safe_psql('postgres', 'DROP EXTENSION angzarr');
$node->stop;

# A binary upgrade loads the library, but starts nothing.
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'angzarr'");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION angzarr');
engine_runs($node, 'postgres', 'preloaded, an engine runs');
$node->stop;
command_ok(
	[
		'pg_ctl', '-w', '-D', $node->data_dir, '-l', $node->logfile,
		'-o', "-b -k " . $node->host, 'start'
	],
	'the server starts for a binary upgrade');
$node->_update_pid(1);
is( $node->safe_psql('postgres',
		"SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'angzarr%'"),
	0, 'then no process of ours runs');
is($node->safe_psql('postgres', 'SELECT angzarr._engine_available()'), 'f', 'and none could');
$node->stop;
done_testing();
