# The database port over SPI: values, errors, memory.  The checks are in
# test/spi/spi_port.c, run by a worker of their own.
use strict;
use warnings;

use AngzarrNode;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $root = abs_path(dirname(abs_path(__FILE__)) . '/../..');
my $place = PostgreSQL::Test::Utils::tempdir();
my $include = `pg_config --includedir-server`;
chomp $include;

command_ok(
	[
		'gcc', '-std=gnu11', '-fPIC', '-shared', '-g', '-Wall',
		'-D_GNU_SOURCE', "-I$root/src", "-I$include", '-o', "$place/spi_port.so",
		"$root/test/spi/spi_port.c",
		glob("$root/src/base/*.c"), "$root/src/db/db.c",
		"$root/src/pg/spi_db.c", "$root/src/pg/spi_rows.c", "$root/src/pg/spi_values.c"
	],
	'the checks are built');

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '-E', 'UTF8', '--locale=C.UTF-8' ]);
$node->append_conf('postgresql.conf', "dynamic_library_path = '$place:\$libdir'");
$node->start;
$node->safe_psql('postgres', <<'END');
CREATE TABLE parent (id bigint PRIMARY KEY);
INSERT INTO parent VALUES (1);
CREATE TABLE child (id bigint REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE big (payload bytea);
ALTER TABLE big ALTER payload SET STORAGE EXTERNAL;
INSERT INTO big VALUES (decode(repeat('00ff', 500000), 'hex'));
CREATE FUNCTION check_spi_port() RETURNS boolean
AS 'spi_port', 'angzarr_check_spi_port' LANGUAGE c;
END

is($node->safe_psql('postgres', 'SELECT check_spi_port()'), 't', 'a worker runs them');
$node->wait_for_log(qr/all checks done|terminated by signal|exited with exit code/);

my $log = slurp_file($node->logfile);
while ($log =~ /check (passed|failed): (.*)/g)
{
	is($1, 'passed', $2);
}
like($log, qr/all checks done/, 'and comes to its end');
is($node->safe_psql('postgres', 'SELECT count(*) FROM child'), 1,
	'what was committed is there, what was rolled back is not');

$node->stop;
done_testing();
