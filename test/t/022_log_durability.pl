# What was read stays, and what is read later has no hole: crashes and standbys.
use strict;
use warnings;

use AngzarrNode;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $put = "SELECT angzarr.append('log', gen_random_uuid(), 0, ARRAY[angzarr.new_event('t.Kept', 'x')])";
my $node = PostgreSQL::Test::Cluster->new('primary');

# The walwriter would flush by itself, sooner or later.
$node->init(allows_streaming => 1, extra => [ '-E', 'UTF8', '--locale=C.UTF-8' ]);
$node->append_conf('postgresql.conf',
	"shared_preload_libraries = 'angzarr'\nwal_writer_delay = 10s\nfsync = on\ncheckpoint_timeout = 1h");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION angzarr');
engine_runs($node, 'postgres', 'the engine runs');
$node->safe_psql('postgres', "SELECT angzarr.subscribe('kept')");

# Positions that were drawn and rolled back are forgotten by a crash; a cursor
# is that of an event, so nothing behind it is skipped.
$node->safe_psql('postgres', $put);
$node->safe_psql('postgres', 'CHECKPOINT');
my $session = $node->background_psql('postgres');
$session->query_safe(
	"BEGIN; SELECT count(nextval('angzarr.events_position_seq')) FROM generate_series(1, 20); ROLLBACK");
my $handed_out = $session->query_safe('SELECT angzarr.horizon()');
my $read = $session->query_safe("SELECT max(position) FROM angzarr.next_events('kept')");
$session->query_safe("SELECT angzarr.ack('kept', $read)");
is($handed_out, $read + 20, 'a horizon is handed out that lies beyond the last event');
$session->query_safe(
	"BEGIN; SELECT count(nextval('angzarr.events_position_seq')) FROM generate_series(1, 80); ROLLBACK");
my $lost = $session->query_safe('SELECT angzarr.horizon()');
$session->quit;
$node->stop('immediate');
$node->start;
my $next = $node->safe_psql('postgres', "$put; SELECT max(position) FROM angzarr.events");
($next) = $next =~ /(\d+)$/;
cmp_ok($next, '<=', $lost, 'after a crash the next event is at a position that had been settled');
is($node->safe_psql('postgres', "SELECT max(position) FROM angzarr.next_events('kept')"),
	$next, 'and the subscription gets it');

# A writer that does not wait for its commit: what a reader was given stays.
my ($end, $is_pending) = ('', 'f');
$session = $node->background_psql('postgres');
# The first change of a page after a checkpoint writes much, which others then flush.
$session->query_safe("BEGIN; SELECT count(*) FROM angzarr.next_events('kept'); ROLLBACK");
for (1 .. 100)
{
	$node->safe_psql('postgres', "SET synchronous_commit = off; $put");
	($end, $is_pending) = split /\|/,
	  $node->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn(), pg_current_wal_flush_lsn() < pg_current_wal_insert_lsn()');
	last if $is_pending eq 't';
}
is($is_pending, 't', 'events are there whose writers did not wait for their commit');
my ($given, $last, $is_durable) = split /[|\n]/,
  $session->query_safe("BEGIN; SELECT count(*), max(position) FROM angzarr.next_events('kept');"
	  . " SELECT pg_current_wal_flush_lsn() >= '$end'");
is($is_durable, 't', 'when a reader has been given them they are durable');
$session->quit;
$node->stop('immediate');
$node->start;
is($node->safe_psql('postgres', "SELECT count(*) FROM angzarr.next_events('kept') WHERE position <= $last"),
	$given, 'and they are there after a crash');

# A standby has rows and no horizon.
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);

sub refused
{
	my ($sql, $state, $name) = @_;
	my ($status, $output, $error) = $standby->psql('postgres', "\\set VERBOSITY sqlstate\n$sql");

	like($error, qr/ERROR:  $state$/m, $name);
}

is($standby->safe_psql('postgres', 'SELECT count(*) FROM angzarr.events'), $given + 1,
	'a standby has the events');
refused("SELECT * FROM angzarr.next_events('kept');", '55000', 'but they cannot be read in order there');
refused('SELECT angzarr.horizon();', '55000', 'it has no horizon');
refused("SELECT angzarr._fast_turn('angzarr.events_position_seq'::regclass);", '55000', 'not even by a side door');
refused("SELECT angzarr.ack('kept', 1000);", '25006', 'nothing can be acknowledged');
refused("SELECT angzarr.subscribe('other');", '25006', 'and nobody can subscribe');
is($standby->safe_psql('postgres', 'SELECT count(*) FROM angzarr.stalled_by'), 0, 'view stalled_by is empty');

# Promoted, it goes on where the subscription was.
$node->stop;
$standby->promote;
engine_runs($standby, 'postgres', 'after promotion the engine starts');
my $after = $standby->safe_psql('postgres', "$put; SELECT max(position) FROM angzarr.events");
($after) = $after =~ /(\d+)$/;
is( $standby->safe_psql('postgres',
		"SELECT count(*), max(position) FROM angzarr.next_events('kept')"),
	$given + 1 . "|$after", 'and the subscription goes on');

$standby->stop;
done_testing();
