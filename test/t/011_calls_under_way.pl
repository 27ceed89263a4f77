# An engine that is told to stop lets calls under way end, but not for ever.
use strict;
use warnings;

use AngzarrNode;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use IPC::Run qw(start finish pump);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant PYTHON => '/usr/bin/python3';

my $peer = dirname(abs_path(__FILE__)) . '/peer.py';
my $limit = $PostgreSQL::Test::Utils::timeout_default;

if (system(PYTHON, '-c', 'import grpc') != 0)
{
	plan skip_all => 'grpcio for Python was not found';
}

my $node = angzarr_node('main');
my $directory = PostgreSQL::Test::Utils::tempdir_short();
$node->safe_psql('postgres', 'CREATE DATABASE shop');
$node->safe_psql('postgres', "ALTER DATABASE shop SET angzarr.socket_directory = '$directory'");
$node->safe_psql('shop', 'CREATE EXTENSION angzarr');
engine_runs($node, 'shop', 'an engine runs');

my $target = "unix:$directory/.s.angzarr.1310";

# Business logic that takes so long: its process, and what it says.
sub start_handler
{
	my ($seconds) = @_;
	my $said = '';
	my $handler = start([ PYTHON, $peer, 'handler', $seconds ],
		'>', \$said, IPC::Run::timer($limit));

	pump $handler until $said =~ /port (\d+)\n/;
	my ($port) = $said =~ /port (\d+)\n/;
	$node->safe_psql('shop', "DELETE FROM angzarr.components");
	$node->safe_psql('shop',
		"SELECT angzarr.register_aggregate('order', 'grpc://localhost:$port')");
	return ($handler, \$said);
}

# Starts a command; returns when business logic has it.
sub start_call
{
	my ($handler, $said) = @_;
	my $answer = '';
	my $call = start([ PYTHON, $peer, 'call', $target ], '>', \$answer);

	pump $handler until $$said =~ /called/;
	$$said = '';
	return ($call, \$answer);
}

# Stopped while business logic decides: the client gets the decision.
my ($handler, $said) = start_handler(1.5);
my ($call, $answer) = start_call($handler, $said);
my $pid = engine_pid($node, 'shop');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
ok( $node->poll_query_until('postgres',
		"SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid")
	  && finish($call), 'the engine ends, and so does the call');
is($$answer, "FAILED_PRECONDITION: decided\n", 'a call under way is answered');
new_engine_runs($node, 'shop', $pid, 'the next engine runs');
$handler->kill_kill;

# One that takes too long is given up.
($handler, $said) = start_handler(60);
$node->safe_psql('postgres', "ALTER DATABASE shop SET angzarr.drain_timeout = '1s'");
ok( $node->poll_query_until('shop',
		"SELECT state = 'running' AND listening <> 'nothing' FROM angzarr.workers"),
	'an engine with less patience runs');
($call, $answer) = start_call($handler, $said);
$pid = engine_pid($node, 'shop');
my $seconds = seconds_of(
	sub {
		$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
		new_engine_runs($node, 'shop', $pid, 'the engine does not wait for ever');
	});
cmp_ok($seconds, '<', 4, 'but for angzarr.drain_timeout');
finish($call);
like($$answer, qr/^(UNAVAILABLE|CANCELLED)/, 'the client is told that nothing was decided');

# A fast shutdown of the server has the same limit.
ok( $node->poll_query_until('shop',
		"SELECT state = 'running' AND listening <> 'nothing' FROM angzarr.workers"),
	'another engine runs');
($call, $answer) = start_call($handler, $said);
cmp_ok(seconds_of(sub { $node->stop('fast') }), '<', 4, 'a fast shutdown waits no longer');
finish($call);
$node->start;

# DROP DATABASE waits one second at most, whatever the setting.
$node->safe_psql('postgres', "ALTER DATABASE shop SET angzarr.drain_timeout = '1min'");
ok( $node->poll_query_until('shop',
		"SELECT state = 'running' AND listening <> 'nothing' FROM angzarr.workers"),
	'an engine with much patience runs');
($call, $answer) = start_call($handler, $said);
cmp_ok(seconds_of(sub { $node->safe_psql('postgres', 'DROP DATABASE shop') }),
	'<', 4, 'DROP DATABASE does not wait for calls');
finish($call);
like($$answer, qr/^(UNAVAILABLE|CANCELLED)/, 'whose client is told');

$handler->kill_kill;
$node->stop;
done_testing();
