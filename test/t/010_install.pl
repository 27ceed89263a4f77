# Installing: into which databases, beside which objects of others, and what a
# dump brings back.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $root = '92ab9191-4f7d-5ff2-adcf-93a1e494c055';

my $node = PostgreSQL::Test::Cluster->new('install');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->start;

sub fails_with
{
	my ($database, $statement, $pattern, $name) = @_;
	my ($code, $out, $err) = $node->psql($database, $statement);
	isnt($code, 0, $name);
	like($err, $pattern, "$name: it says why");
	return;
}

# Only UTF8: every text of the wire contract is.
$node->safe_psql('postgres',
	"CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
fails_with('latin', 'CREATE EXTENSION angzarr',
	qr/needs a database in encoding UTF8\n.*DETAIL:  This database is in encoding LATIN1\.\n.*HINT:/s,
	'another encoding is refused');

# A schema of that name which somebody made before is not adopted.
$node->safe_psql('postgres', 'CREATE DATABASE taken');
$node->safe_psql('taken', 'CREATE SCHEMA angzarr');
fails_with('taken', 'CREATE EXTENSION angzarr',
	qr/schema "angzarr" already exists/, 'a schema made before is refused');

# Without the library preloaded, everything but the engine works, and it says so.
$node->safe_psql('postgres', 'CREATE DATABASE plain');
$node->safe_psql('plain', 'CREATE EXTENSION angzarr');
is( $node->safe_psql(
		'plain',
		"SELECT angzarr.append('order', '$root', 0, ARRAY[angzarr.new_event('a', '')])"),
	'1', 'events can be appended without the engine');
my ($code, $out, $err) = $node->psql('plain',
	"SELECT angzarr.register_aggregate('order', 'grpc://localhost:1')");
is($out, 'order', 'components can be registered without the engine');
like($err, qr/WARNING:  no engine runs in this server.*HINT:.*shared_preload_libraries = 'angzarr'/s,
	'and a warning says what to set');
is($node->safe_psql('plain', 'SELECT count(*) FROM angzarr.workers'),
	'0', 'and there are no workers to see');

# What a stranger puts in the way, before and after, is never called.
$node->safe_psql('postgres', 'CREATE ROLE stranger LOGIN');
$node->safe_psql('postgres', 'CREATE DATABASE hostile');
$node->safe_psql('hostile', <<'SQL');
GRANT CREATE ON SCHEMA public TO stranger;
ALTER DATABASE hostile SET search_path = public, pg_catalog;
SQL
my $hostile = <<'SQL';
SET ROLE stranger;
CREATE FUNCTION public.trap() RETURNS void LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'trapped as %', current_user; END $$;
CREATE FUNCTION public.length(text) RETURNS integer LANGUAGE sql AS 'SELECT public.trap(); SELECT 1';
CREATE FUNCTION public.cardinality(anyarray) RETURNS integer LANGUAGE sql AS 'SELECT public.trap(); SELECT 1';
CREATE FUNCTION public.unnest(uuid[]) RETURNS SETOF uuid LANGUAGE sql AS 'SELECT public.trap(); SELECT NULL::uuid';
CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT public.trap(); SELECT NULL::timestamptz';
CREATE FUNCTION public.current_setting(text) RETURNS text LANGUAGE sql AS 'SELECT public.trap(); SELECT NULL::text';
CREATE FUNCTION public.more(bigint, integer) RETURNS boolean LANGUAGE sql AS 'SELECT public.trap(); SELECT true';
CREATE OPERATOR public.> (FUNCTION = public.more, LEFTARG = bigint, RIGHTARG = integer);
CREATE FUNCTION public.joined(text, text) RETURNS text LANGUAGE sql AS 'SELECT public.trap(); SELECT $1';
CREATE OPERATOR public.|| (FUNCTION = public.joined, LEFTARG = text, RIGHTARG = text);
CREATE TABLE public.events (position bigint);
RESET ROLE;
SQL
$node->safe_psql('hostile', $hostile);
$node->safe_psql('hostile', 'CREATE EXTENSION angzarr');
is( $node->safe_psql(
		'hostile',
		"SELECT angzarr.append('order', '$root', 0, ARRAY[angzarr.new_event('a', ''), angzarr.new_event('b', '')]);"
		  . "SELECT count(*) FROM angzarr.events_of('order', '$root');"
		  . "SELECT count(*) FROM angzarr.book('order', '$root');"
		  . "SELECT next_sequence FROM angzarr.aggregates;"
		  . "SELECT angzarr.register_aggregate('order', 'unix:/x')"),
	"2\n2\n2\n2\norder", 'hostile objects in the search path change nothing');

# A dump brings all of it back, also in parallel, and the log goes on behind it.
$node->safe_psql('plain',
	"SELECT angzarr.append('order', '$root', 1, ARRAY[angzarr.new_event('a', repeat('x', 9)::bytea)])"
	  . ' FROM generate_series(1, 1)');
$node->safe_psql('plain', 'SELECT nextval(\'angzarr.events_position_seq\') FROM generate_series(1, 50)');
my $before = $node->safe_psql('plain', 'SELECT * FROM angzarr.events ORDER BY position');
my $last = $node->safe_psql('plain', 'SELECT last_value FROM angzarr.events_position_seq');
my $dump = $node->backup_dir . '/plain.dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('plain') ], 'a dump can be made');
$node->safe_psql('postgres', 'CREATE DATABASE back');
$node->command_ok([ 'pg_restore', '-j', '4', '-d', $node->connstr('back'), $dump ],
	'and restored by several processes');
is($node->safe_psql('back', 'SELECT * FROM angzarr.events ORDER BY position'),
	$before, 'every event is back, in its place');
is($node->safe_psql('back', 'SELECT name FROM angzarr.components'), 'order', 'so are the components');
$node->safe_psql('back',
	"SELECT angzarr.append('order', '$root', 2, ARRAY[angzarr.new_event('a', '')])");
is( $node->safe_psql('back', 'SELECT max(position) FROM angzarr.events'),
	$last + 1, 'and the next position follows the last one drawn');

# It goes without a trace.
$node->safe_psql('back', 'DROP EXTENSION angzarr');
is($node->safe_psql('back', "SELECT count(*) FROM pg_namespace WHERE nspname = 'angzarr'"),
	'0', 'DROP EXTENSION leaves nothing');

$node->stop;
done_testing();
