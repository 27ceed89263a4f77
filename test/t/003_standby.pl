# Nothing of ours runs on a standby; it starts at promotion.
use strict;
use warnings;

use AngzarrNode;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant OURS => "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'angzarr%'";

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1, extra => [ '-E', 'UTF8', '--locale=C.UTF-8' ]);
$primary->append_conf('postgresql.conf', "shared_preload_libraries = 'angzarr'");
$primary->start;
$primary->safe_psql('postgres', 'CREATE EXTENSION angzarr');
engine_runs($primary, 'postgres', 'the primary has an engine');

$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;
$primary->safe_psql('postgres', 'CREATE DATABASE later');
$primary->safe_psql('later', 'CREATE EXTENSION angzarr');
engine_runs($primary, 'later', 'the primary has another engine');
$primary->safe_psql('later', "SELECT angzarr.subscribe('mailer')");
$primary->wait_for_catchup($standby);

is($standby->safe_psql('postgres', OURS), 0, 'nothing of ours runs on the standby');
is($standby->safe_psql('postgres', 'SELECT count(*) FROM angzarr.workers'), 0,
	'view workers is empty there');
is($standby->safe_psql('postgres', 'SELECT count(*) FROM angzarr.events'), 0,
	'and the tables can be read');
is( $standby->safe_psql('later',
		'SELECT component, position, horizon IS NULL, events_behind FROM angzarr.subscriptions_lag'),
	'mailer|0|t|0', 'how far subscriptions are behind can be seen, without the horizon');

$primary->stop;
$standby->promote;
engine_runs($standby, 'postgres', 'after promotion the engine starts');
engine_runs($standby, 'later', 'also where the extension came by replication');

$standby->stop;
done_testing();
