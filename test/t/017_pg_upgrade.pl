# pg_upgrade takes the store along: rows, places in the log, subscriptions; no
# engine runs meanwhile, and the new server's is paused until it is activated.
use strict;
use warnings;

use AngzarrNode;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $root = '92ab9191-4f7d-5ff2-adcf-93a1e494c055';
my $new_event = "ARRAY[angzarr.new_event('shop.Added', 'x')]";
my $bindir = $ENV{AZ_BIN} // (`pg_config --bindir` =~ s/\s+$//r);

# Every row of every table of the extension, and where its sequences are.
my $contents = <<'SQL';
SELECT c.relname || ': ' || coalesce((xpath('/row/rows/text()', query_to_xml(format(
	CASE c.relkind WHEN 'r' THEN 'SELECT string_agg(t::text, E''\n'' ORDER BY t::text) AS rows FROM angzarr.%I AS t'
	ELSE 'SELECT last_value::text || is_called AS rows FROM angzarr.%I' END,
	c.relname), false, true, '')))[1]::text, 'nothing')
FROM pg_class AS c
WHERE c.relnamespace = 'angzarr'::regnamespace AND c.relkind IN ('r', 'S')
ORDER BY c.relname
SQL

my $state = "SELECT state || coalesce(': ' || message, '') FROM angzarr.workers WHERE database = 'shop'";

sub state_becomes
{
	my ($node, $expected, $name) = @_;
	ok($node->poll_query_until('shop', $state, $expected), $name)
	  or diag($node->safe_psql('shop', $state));
	return;
}

# A store with something of everything in it.
my @settings = ('log_min_messages = debug1', "angzarr.region = 'eu-west'");
my $old = angzarr_node('old', @settings);
$old->safe_psql('postgres', 'CREATE DATABASE shop');
$old->safe_psql('shop', 'CREATE EXTENSION angzarr; CREATE ROLE app LOGIN');
state_becomes($old, 'running', 'the old server has an engine');
$old->safe_psql('shop', <<"SQL");
SELECT angzarr.grant_access('app', 'writer');
SELECT angzarr.append('order', '$root', 0, $new_event || $new_event || $new_event, correlation_id => 'c-1', ext => '\\x0a0165');
SELECT angzarr.save_snapshot('order', '$root', 2, 'shop.State', 'all of it', retention => 'persist');
SELECT angzarr.append('order', '$root', 3, $new_event, cause => ('order', '', '$root', 0, 'saga'));
SELECT angzarr.append('order', '$root', 1, $new_event, 'what-if');
SELECT angzarr.create_edition('later', 'order', 2, 'a day later');
SELECT angzarr.append_once('request-1', 'order', '$root', 4, $new_event);
SELECT angzarr.register_aggregate('order', 'unix:/nowhere', deadline => '2 seconds');
SELECT angzarr.subscribe('mailer');
BEGIN;
SELECT count(*) FROM angzarr.next_events('mailer', 2);
SELECT angzarr.ack('mailer', 2);
COMMIT;
SELECT count(nextval('angzarr.events_position_seq')) FROM generate_series(1, 20);
SQL
my $before = $old->safe_psql('shop', $contents);
my $last = $old->safe_psql('shop', 'SELECT last_value FROM angzarr.events_position_seq');
cmp_ok($last, '>', $old->safe_psql('shop', 'SELECT max(position) FROM angzarr.events'),
	'positions were drawn that no event has');
like(slurp_file($old->logfile), qr/starting background worker process "angzarr/,
	'the log of a server tells when it starts one of our processes');
$old->stop;

my $new = angzarr_node('new', @settings);
$new->stop;
chdir ${PostgreSQL::Test::Utils::tmp_check};
my @upgrade = (
	'pg_upgrade', '--no-sync', '--retain',
	'-d', $old->data_dir, '-D', $new->data_dir, '-b', $bindir, '-B', $bindir,
	'-s', $new->host, '-p', $old->port, '-P', $new->port);
command_ok([ @upgrade, '--check' ], 'pg_upgrade has nothing against it');
ok(run_log(\@upgrade), 'and takes the server over')
  or BAIL_OUT('there is no new server to look at');

# What its two servers wrote.
my @logs = glob($new->data_dir . '/pg_upgrade_output.d/*/log/pg_upgrade_server.log');
my $log = join '', map { slurp_file($_) } @logs;
like($log, qr/database system is ready to accept connections/, 'servers ran for it, and their logs are kept');
unlike($log, qr/background worker process "angzarr|angzarr (engine|supervisor)|WARNING:.*angzarr/,
	'none of our processes ran in them');

$new->start;
state_becomes($new, 'idle: it is a copy of another database', 'the engine of the new server is paused');
is($new->safe_psql('shop', $contents), $before, 'every row is there, and the sequences stand where they stood');
is($new->safe_psql('shop', 'SELECT count(*) FROM angzarr.verify()'), '0', 'the store is sound');
is($new->safe_psql('shop', "SELECT is_snapshot, sequence FROM angzarr.book('order', '$root')"),
	"t|2\nf|3\nf|4", 'a book begins with its snapshot');
is($new->safe_psql('shop', "SELECT edition, sequence FROM angzarr.events_of('order', '$root', 'what-if')"),
	"|0\nwhat-if|1", 'an edition has its own events');

# It goes on where it was.
is($new->safe_psql('shop', "SET ROLE app; SELECT angzarr.append('order', '$root', 5, $new_event)"),
	'6', 'the next event has the next sequence, appended by a role that was granted that');
is($new->safe_psql('shop', 'SELECT max(position) FROM angzarr.events'),
	$last + 1, 'and the position after the last one drawn');
is($new->safe_psql('shop', "SELECT angzarr.append_once('request-1', 'order', '$root', 4, $new_event)"),
	'5', 'a request that was done before is not done again');
is( $new->safe_psql('shop', "SELECT string_agg(position::text, ' ') FROM angzarr.next_events('mailer')"),
	join(' ', 3 .. 6, $last + 1), 'a subscription reads on behind what it had');
my ($code, $out, $err) = $new->psql('shop', "UPDATE angzarr.events SET payload = ''");
like($err, qr/cannot update table "angzarr.events"/, 'events are protected as before');

# Activated, it serves; the old server is as it was.
is($new->safe_psql('shop', 'SELECT angzarr.activate()'), 't', 'it can be activated');
state_becomes($new, 'running', 'then the engine serves');
is($new->safe_psql('shop', 'SELECT angzarr.activate()'), 'f', 'for good');
$new->safe_psql('postgres', 'CREATE DATABASE another');
$new->safe_psql('another', 'CREATE EXTENSION angzarr');
engine_runs($new, 'another', 'and a new database gets an engine as ever');

$new->stop;
done_testing();
