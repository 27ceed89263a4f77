# 64 sessions append to one aggregate, on the main timeline and on an edition: one winner for each sequence.
use strict;
use warnings;

use AngzarrNode;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant {
	ROOT => '92ab9191-4f7d-5ff2-adcf-93a1e494c055',
	SESSIONS => 64,
	TRIES => 25
};

my $node = angzarr_node('main', 'max_connections = 100', 'fsync = off');
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION angzarr;
	CREATE TABLE tries (edition text, expected bigint, next bigint, failure text, session integer);

	-- Reads where the stream is, decides, appends there; notes what came of it.
	CREATE FUNCTION try(root uuid, edition text) RETURNS void LANGUAGE plpgsql AS $$
	DECLARE
	    _expected bigint := angzarr.next_sequence('order', root, edition);
	    _next bigint;
	    _failure text;
	BEGIN
	    BEGIN
	        _next := angzarr.append('order', root, _expected, array_fill(
	            angzarr.new_event('a', convert_to(pg_backend_pid()::text, 'UTF8')),
	            ARRAY[1 + (random() * 2)::integer]), edition);
	    EXCEPTION WHEN OTHERS THEN
	        _failure := SQLSTATE;
	    END;
	    INSERT INTO tries VALUES (edition, _expected, _next, _failure, pg_backend_pid());
	END
	$$;
});

# Passes when everybody's tries fit together.
sub appends_fit
{
	my ($edition) = @_;
	my $where = "t.edition = '$edition'";
	my $name = $edition eq '' ? 'main' : "edition $edition";

	$node->pgbench(
		'-n -c ' . SESSIONS . ' -j 4 -t ' . TRIES,
		0, [qr{number of transactions actually processed: 1600/1600}],
		[qr{^}], "64 sessions try 25 times each, on $name",
		{ "try_$edition" => "SELECT try('" . ROOT . "', '$edition');" });
	is( $node->safe_psql(
			'postgres',
			"SELECT count(*), count(DISTINCT session), count(*) FILTER (WHERE failure IS NULL) > 0"
			  . " FROM tries t WHERE $where"),
		SESSIONS * TRIES . '|' . SESSIONS . '|t', "$name: every try is accounted for");
	is( $node->safe_psql(
			'postgres', "SELECT DISTINCT failure FROM tries t WHERE $where AND failure IS NOT NULL"),
		'ZA001', "$name: every loser is told so, and nobody fails otherwise");
	is( $node->safe_psql(
			'postgres',
			"SELECT count(*) = max(sequence) - min(sequence) + 1, bool_and(rises)"
			  . " FROM (SELECT sequence, position > lag(position) OVER (ORDER BY sequence) AS rises"
			  . " FROM angzarr.events WHERE root = '" . ROOT . "' AND edition = '$edition') AS e"),
		't|t', "$name: the sequences have no hole, and positions rise with them");
	is( $node->safe_psql(
			'postgres',
			"SELECT expected, next FROM tries t WHERE $where AND failure IS NULL"
			  . " ORDER BY expected"),
		$node->safe_psql(
			'postgres',
			"SELECT min(sequence), max(sequence) + 1 FROM ("
			  . "SELECT e.sequence, (SELECT max(t.expected) FROM tries t WHERE $where"
			  . " AND t.failure IS NULL AND t.expected <= e.sequence) AS append"
			  . " FROM angzarr.events e WHERE e.root = '" . ROOT . "' AND e.edition = '$edition') AS a"
			  . " GROUP BY append ORDER BY 1"),
		"$name: each winner has its own sequences, all of them");
	return;
}

appends_fit('');
appends_fit('what-if');
is( $node->safe_psql(
		'postgres',
		"SELECT (SELECT min(sequence) FROM angzarr.events WHERE edition = 'what-if')"
		  . " = (SELECT max(sequence) + 1 FROM angzarr.events WHERE edition = '')"),
	't', 'the edition begins where the main timeline was');
is($node->safe_psql('postgres', 'SELECT count(*) FROM angzarr.verify()'),
	'0', 'the store is sound');

done_testing();
