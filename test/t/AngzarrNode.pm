# A server with the engine, and what the tests ask of it.
package AngzarrNode;

use strict;
use warnings;

use Exporter qw(import);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

our @EXPORT = qw(
  angzarr_node engine_pid engine_sql engine_runs engine_is_gone
  new_engine_runs seconds_of log_counts
);

# A started server with the library, and with these lines of configuration.
sub angzarr_node
{
	my ($name, @settings) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(auth_extra => [], extra => [ '-E', 'UTF8', '--locale=C.UTF-8' ]);
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'angzarr'");
	$node->append_conf('postgresql.conf', join("\n", 'max_worker_processes = 16', @settings));
	$node->start;
	return $node;
}

# The condition that the database's engine serves.
sub engine_sql
{
	my ($database) = @_;
	return "SELECT count(*) = 1 FROM pg_stat_activity a"
	  . " JOIN pg_database d ON d.oid = a.datid"
	  . " WHERE a.backend_type = 'angzarr engine' AND d.datname = '$database'";
}

sub engine_pid
{
	my ($node, $database) = @_;
	return $node->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity"
		  . " WHERE backend_type = 'angzarr engine' AND datname = '$database'");
}

# Passes when the database's engine process is there, within the usual wait.
sub engine_runs
{
	my ($node, $database, $name) = @_;
	ok($node->poll_query_until('postgres', engine_sql($database)), $name);
}

# Passes when there is one, of another process than this.
sub new_engine_runs
{
	my ($node, $database, $old, $name) = @_;
	ok( $node->poll_query_until(
			'postgres',
			"SELECT count(*) = 1 FROM pg_stat_activity"
			  . " WHERE backend_type = 'angzarr engine'"
			  . " AND datname = '$database' AND pid <> $old"),
		$name);
}

# Passes when the database has no engine process.
sub engine_is_gone
{
	my ($node, $database, $name) = @_;
	ok( $node->poll_query_until(
			'postgres',
			"SELECT count(*) = 0 FROM pg_stat_activity"
			  . " WHERE backend_type = 'angzarr engine' AND datname = '$database'"),
		$name);
}

# How long this takes.
sub seconds_of
{
	my ($code) = @_;
	my $begun = time;

	$code->();
	return time - $begun;
}

# How many lines of the server's log match, from an offset on.
sub log_counts
{
	my ($node, $pattern, $offset) = @_;
	my $log = substr(slurp_file($node->logfile), $offset // 0);
	my @found = $log =~ /$pattern/g;

	return scalar @found;
}

1;
