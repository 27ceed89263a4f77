/*
 * The settings, sorted by name; docs/settings.md explains them.
 *
 * What the engine takes may be set for one database (ALTER DATABASE ... SET),
 * so it is PGC_SUSET: administrators only, and the engine's process reads it
 * when it starts and at each reload.
 */
#include "postgres.h"

#include <limits.h>

#include "utils/guc.h"

#include "pg/guc.h"
#include "pg/slots.h"

#define KB 1024
#define US_PER_MS INT64CONST(1000)
#define MIN_RECONNECT_DELAY_MS 50

typedef struct AzIntSetting
{
	const char *name;
	const char *description;
	int		   *variable;
	int			boot;
	int			min;
	int			max;
	int			unit;			/* GUC_UNIT_*, or 0 */
} AzIntSetting;

int			az_guc_drain_timeout_ms;
int			az_guc_max_databases;
int			az_guc_max_memory_kb;
int			az_guc_notify_interval_ms;
int			az_guc_workers;

static int	cache_size_kb;
static int	call_timeout_ms;
static int	catalog_poll_interval_ms;
static int	channel_connections;
static int	channel_idle_timeout_ms;
static int	connect_timeout_ms;
static char *crash_after;
static int	handshake_timeout_ms;
static int	idle_timeout_ms;
static int	keepalive_interval_ms;
static int	keepalive_timeout_ms;
static char *listen_addresses;
static int	listen_port;
static int	log_poll_interval_ms;
static int	max_append_retries;
static int	max_attempts;
static int	max_batch_jobs;
static int	max_batch_size_kb;
static int	max_cascade_depth;
static int	max_causation_depth;
static int	max_connections;
static int	max_control_frames;
static int	max_deliveries;
static int	max_header_size_kb;
static int	max_inflight_calls;
static int	max_jobs;
static int	max_message_size_kb;
static int	max_output_buffer_kb;
static int	max_pages_per_book;
static int	max_payload_size_kb;
static int	max_query_sequences;
static int	max_queued_calls;
static int	max_reconnect_delay_ms;
static int	max_resets;
static int	max_retry_delay_ms;
static int	max_status_details_kb;
static int	max_streams;
static int	outbox_max_attempts;
static char *region;			/* read by the default of events.region */
static int	retry_delay_ms;
static char *saga_failure_domain;
static char *socket_directory;
static int	socket_permissions;
static int	stream_chunk_kb;
static int	subscriber_buffer_kb;

static const AzIntSetting int_settings[] = {
	{"angzarr.cache_size",
		"Memory for the events of aggregates that get many commands; 0 is none.",
	&cache_size_kb, 65536, 0, INT_MAX, GUC_UNIT_KB},
	{"angzarr.call_timeout",
		"Time that business logic has to answer.",
	&call_timeout_ms, 30000, 1, INT_MAX, GUC_UNIT_MS},
	{"angzarr.catalog_poll_interval",
		"Time after which the registered components are read again unasked.",
	&catalog_poll_interval_ms, 60000, 100, INT_MAX, GUC_UNIT_MS},
	{"angzarr.channel_connections",
		"Connections to each address of business logic.",
	&channel_connections, 2, 1, 64, 0},
	{"angzarr.channel_idle_timeout",
		"Time after which a connection to business logic without calls is closed; 0 is never.",
	&channel_idle_timeout_ms, 300000, 0, INT_MAX, GUC_UNIT_MS},
	{"angzarr.connect_timeout",
		"Time that connecting to business logic may take.",
	&connect_timeout_ms, 5000, 1, INT_MAX, GUC_UNIT_MS},
	{"angzarr.drain_timeout",
		"Time that calls under way have to end when the engine stops.",
	&az_guc_drain_timeout_ms, 5000, 0, 600000, GUC_UNIT_MS},
	{"angzarr.handshake_timeout",
		"Time that a new client connection has to speak HTTP/2.",
	&handshake_timeout_ms, 5000, 1, INT_MAX, GUC_UNIT_MS},
	{"angzarr.idle_timeout",
		"Time after which a client connection without calls is closed; 0 is never.",
	&idle_timeout_ms, 0, 0, INT_MAX, GUC_UNIT_MS},
	{"angzarr.keepalive_interval",
		"Silence after which a peer is asked whether it is there; 0 is never.",
	&keepalive_interval_ms, 10000, 0, INT_MAX, GUC_UNIT_MS},
	{"angzarr.keepalive_timeout",
		"Time that a peer has to answer that question.",
	&keepalive_timeout_ms, 5000, 1, INT_MAX, GUC_UNIT_MS},
	{"angzarr.listen_port",
		"Port of the gRPC server, and end of its socket file's name.",
	&listen_port, 1310, 0, 65535, 0},
	{"angzarr.log_poll_interval",
		"Time after which the log is looked at unasked while somebody follows it.",
	&log_poll_interval_ms, 60000, 100, INT_MAX, GUC_UNIT_MS},
	{"angzarr.max_append_retries",
		"Times that a command or fact is run again because another was faster.",
	&max_append_retries, 5, 0, 1000, 0},
	{"angzarr.max_attempts",
		"Attempts to deliver an event, or to run a command of a reaction, in all.",
	&max_attempts, 10, 1, 1000000, 0},
	{"angzarr.max_batch_jobs",
		"Jobs whose wishes one transaction fulfils.",
	&max_batch_jobs, 1000, 1, 100000, 0},
	{"angzarr.max_batch_size",
		"Payload that one transaction appends.",
	&max_batch_size_kb, 16384, 64, 512 * KB, GUC_UNIT_KB},
	{"angzarr.max_cascade_depth",
		"Commands that one request may cause behind one another while it waits.",
	&max_cascade_depth, 16, 1, 1000, 0},
	{"angzarr.max_causation_depth",
		"Events that may cause one another in a row, so that cycles end.",
	&max_causation_depth, 256, 1, 32000, 0},
	{"angzarr.max_connections",
		"Client connections at a time.",
	&max_connections, 1000, 1, 1000000, 0},
	{"angzarr.max_control_frames_per_second",
		"PING and SETTINGS frames that one connection may send per second.",
	&max_control_frames, 1000, 1, INT_MAX, 0},
	{"angzarr.max_deliveries",
		"Deliveries to one component at a time.",
	&max_deliveries, 32, 1, 10000, 0},
	{"angzarr.max_header_size",
		"Metadata of one request or answer.",
	&max_header_size_kb, 16, 1, KB, GUC_UNIT_KB},
	{"angzarr.max_inflight_calls",
		"Calls to one address of business logic at a time; further ones wait.",
	&max_inflight_calls, 1000, 1, 1000000, 0},
	{"angzarr.max_jobs",
		"Requests under way at a time.",
	&max_jobs, 20000, 1, 10000000, 0},
	{"angzarr.max_memory",
		"Memory that an engine may take besides what the server shares.",
	&az_guc_max_memory_kb, 1048576, 64 * KB, INT_MAX, GUC_UNIT_KB},
	{"angzarr.max_message_size",
		"One message of a client or of business logic.",
	&max_message_size_kb, 4096, 1, 512 * KB, GUC_UNIT_KB},
	{"angzarr.max_output_buffer",
		"Answers that one connection leaves unread before nothing more is read from it.",
	&max_output_buffer_kb, 1024, 64, 512 * KB, GUC_UNIT_KB},
	{"angzarr.max_pages_per_book",
		"Pages of one command or of one answer of business logic.",
	&max_pages_per_book, 100, 1, 100000, 0},
	{"angzarr.max_payload_size",
		"Payload of one page, and the encoded ext of a cover.",
	&max_payload_size_kb, 256, 1, 512 * KB, GUC_UNIT_KB},
	{"angzarr.max_query_sequences",
		"Sequences that one query may name.",
	&max_query_sequences, 10000, 1, 1000000, 0},
	{"angzarr.max_queued_calls",
		"Calls to one address of business logic that wait.",
	&max_queued_calls, 10000, 0, 10000000, 0},
	{"angzarr.max_reconnect_delay",
		"Longest pause between attempts to connect to business logic.",
	&max_reconnect_delay_ms, 2000, MIN_RECONNECT_DELAY_MS, INT_MAX, GUC_UNIT_MS},
	{"angzarr.max_resets_per_second",
		"Calls that one connection may give up per second.",
	&max_resets, 100, 1, INT_MAX, 0},
	{"angzarr.max_retry_delay",
		"Pause before another attempt at a delivery from which on pauses no longer double.",
	&max_retry_delay_ms, 60000, 1, INT_MAX, GUC_UNIT_MS},
	{"angzarr.max_status_details",
		"Details of a refused command that show the aggregate as it is.",
	&max_status_details_kb, 6, 0, 64, GUC_UNIT_KB},
	{"angzarr.max_streams_per_connection",
		"Calls that one connection may have open.",
	&max_streams, 1000, 1, INT_MAX, 0},
	{"angzarr.notify_interval",
		"Least time between two notifications of listeners.",
	&az_guc_notify_interval_ms, 20, 0, 60000, GUC_UNIT_MS},
	{"angzarr.outbox_max_attempts",
		"Attempts to deliver a notification, in all.",
	&outbox_max_attempts, 20, 1, 1000000, 0},
	{"angzarr.retry_delay",
		"Pause before a delivery is tried a second time; each further one is longer.",
	&retry_delay_ms, 200, 1, INT_MAX, GUC_UNIT_MS},
	{"angzarr.stream_chunk",
		"One message of a book that is sent in pieces.",
	&stream_chunk_kb, 1024, 1, 64 * KB, GUC_UNIT_KB},
	{"angzarr.subscriber_buffer",
		"Events that wait for one subscriber to read them before it is let go.",
	&subscriber_buffer_kb, 1024, 1, 512 * KB, GUC_UNIT_KB},
	{"angzarr.workers",
		"Engines of one database, which share its connections.",
	&az_guc_workers, 1, 1, AZ_MAX_WORKERS, 0},
	{NULL}
};

static void define_ints(void);
static void define_strings(void);
static void define_permissions(void);
static void define_fixed(void);
static bool check_socket_directory(char **value, void **extra,
								   GucSource source);
static bool check_domain(char **value, void **extra, GucSource source);
static const char *show_socket_permissions(void);
static void fill_server_limits(AzServerLimits *limits);
static void fill_client_limits(AzClientLimits *limits);

void
az_guc_define(bool preloaded)
{
	define_ints();
	define_strings();
	define_permissions();
	if (preloaded)
		define_fixed();
	MarkGUCPrefixReserved("angzarr");
}

void
az_guc_engine_settings(AzEngineSettings *settings)
{
	memset(settings, 0, sizeof(*settings));
	settings->listen_addresses = listen_addresses;
	settings->listen_port = listen_port;
	settings->shares_port = az_guc_workers > 1;
	settings->socket_directory = socket_directory;
	settings->socket_mode = socket_permissions;
	fill_server_limits(&settings->server);
	fill_client_limits(&settings->client);
	settings->jobs.validation.max_pages = max_pages_per_book;
	settings->jobs.validation.max_payload_bytes =
		(size_t) max_payload_size_kb * KB;
	settings->jobs.validation.max_sequences = max_query_sequences;
	settings->jobs.stream_chunk_bytes = (size_t) stream_chunk_kb * KB;
	settings->jobs.max_message_bytes = (size_t) max_message_size_kb * KB;
	settings->jobs.call_timeout_us = call_timeout_ms * US_PER_MS;
	settings->jobs.max_append_retries = max_append_retries;
	settings->jobs.max_status_details = (size_t) max_status_details_kb * KB;
	settings->jobs.max_jobs = max_jobs;
	settings->jobs.subscriber_bytes = (size_t) subscriber_buffer_kb * KB;
	settings->jobs.cache_bytes = (size_t) cache_size_kb * KB;
	settings->jobs.max_attempts = max_attempts;
	settings->jobs.max_deliveries = max_deliveries;
	settings->jobs.max_causation_depth = max_causation_depth;
	settings->jobs.max_cascade_depth = max_cascade_depth;
	settings->jobs.outbox_max_attempts = outbox_max_attempts;
	settings->jobs.retry_delay_us = retry_delay_ms * US_PER_MS;
	settings->jobs.max_retry_delay_us = max_retry_delay_ms * US_PER_MS;
	strlcpy(settings->jobs.saga_failure_domain, saga_failure_domain,
			sizeof(settings->jobs.saga_failure_domain));
	if (crash_after != NULL && crash_after[0] != '\0')
		strlcpy(settings->jobs.crash_after, crash_after,
				sizeof(settings->jobs.crash_after));
	settings->max_batch_jobs = max_batch_jobs;
	settings->max_batch_bytes = (size_t) max_batch_size_kb * KB;
	settings->catalog_poll_us = catalog_poll_interval_ms * US_PER_MS;
	settings->log_poll_us = log_poll_interval_ms * US_PER_MS;
}

bool
az_guc_is_applicable(const AzEngineSettings *old, const AzEngineSettings *new)
{
	return strcmp(old->listen_addresses, new->listen_addresses) == 0 &&
		old->listen_port == new->listen_port &&
		strcmp(old->socket_directory, new->socket_directory) == 0 &&
		old->socket_mode == new->socket_mode &&
		old->max_batch_jobs >= new->max_batch_jobs;
}

static void
define_ints(void)
{
	for (const AzIntSetting *s = int_settings; s->name != NULL; s++)
		DefineCustomIntVariable(s->name, s->description, NULL, s->variable,
								s->boot, s->min, s->max, PGC_SUSET, s->unit,
								NULL, NULL, NULL);
}

static void
define_strings(void)
{
#ifdef AZ_CRASH_POINTS
	DefineCustomStringVariable("angzarr.crash_after",
							   "Step after which the engine kills itself.",
							   NULL, &crash_after, "", PGC_SUSET, 0,
							   NULL, NULL, NULL);
#endif
	DefineCustomStringVariable("angzarr.listen_addresses",
							   "Names or addresses where the gRPC server listens; empty is nowhere.",
							   NULL, &listen_addresses, "", PGC_SUSET,
							   GUC_LIST_INPUT, NULL, NULL, NULL);
	DefineCustomStringVariable("angzarr.region",
							   "Region that events written here are marked with.",
							   NULL, &region, "", PGC_SUSET, 0,
							   NULL, NULL, NULL);
	DefineCustomStringVariable("angzarr.saga_failure_domain",
							   "Domain where compensations that failed are recorded.",
							   NULL, &saga_failure_domain,
							   "angzarr-saga-failures", PGC_SUSET, 0,
							   check_domain, NULL, NULL);
	DefineCustomStringVariable("angzarr.socket_directory",
							   "Directory where the gRPC server makes its socket file; empty is none.",
							   NULL, &socket_directory, "", PGC_SUSET, 0,
							   check_socket_directory, NULL, NULL);
}

static void
define_permissions(void)
{
	DefineCustomIntVariable("angzarr.socket_permissions",
							"Permissions of the socket file.",
							NULL, &socket_permissions, 0600, 0000, 0777,
							PGC_SUSET, 0, NULL, NULL,
							show_socket_permissions);
}

static void
define_fixed(void)
{
	DefineCustomIntVariable("angzarr.max_databases",
							"Databases of this server that may have an engine.",
							NULL, &az_guc_max_databases, 64, 1, 10000,
							PGC_POSTMASTER, 0, NULL, NULL, NULL);
}

static bool
check_socket_directory(char **value, void **extra, GucSource source)
{
	if (**value == '\0' || is_absolute_path(*value))
		return true;
	GUC_check_errdetail("The directory must be an absolute path.");
	return false;
}

/* As the contract has it; one of the engine's own has no reader. */
static bool
check_domain(char **value, void **extra, GucSource source)
{
	bool		is_begun = strchr("abcdefghijklmnopqrstuvwxyz_", **value) != NULL;
	size_t		len = strspn(*value, "abcdefghijklmnopqrstuvwxyz0123456789_-");

	if (**value != '\0' && is_begun && len <= 64 && (*value)[len] == '\0' &&
		strncmp(*value, "_angzarr", 8) != 0)
		return true;
	GUC_check_errdetail("A domain is a lower-case letter or \"_\", followed by at most 63 lower-case letters, digits, \"_\" and \"-\", and does not begin with \"_angzarr\".");
	return false;
}

static const char *
show_socket_permissions(void)
{
	static char text[12];

	snprintf(text, sizeof(text), "%04o", socket_permissions);
	return text;
}

static void
fill_server_limits(AzServerLimits *limits)
{
	limits->max_connections = max_connections;
	limits->max_streams = max_streams;
	limits->max_header_bytes = (size_t) max_header_size_kb * KB;
	limits->max_message_bytes = (size_t) max_message_size_kb * KB;
	limits->max_output_bytes = (size_t) max_output_buffer_kb * KB;
	limits->max_resets = max_resets;
	limits->max_control_frames = max_control_frames;
	limits->handshake_timeout_us = handshake_timeout_ms * US_PER_MS;
	limits->idle_timeout_us = idle_timeout_ms * US_PER_MS;
	limits->keepalive_us = keepalive_interval_ms * US_PER_MS;
	limits->keepalive_timeout_us = keepalive_timeout_ms * US_PER_MS;
}

static void
fill_client_limits(AzClientLimits *limits)
{
	limits->connections = channel_connections;
	limits->max_inflight = max_inflight_calls;
	limits->max_queued = max_queued_calls;
	limits->max_header_bytes = (size_t) max_header_size_kb * KB;
	limits->max_message_bytes = (size_t) max_message_size_kb * KB;
	limits->connect_timeout_us = connect_timeout_ms * US_PER_MS;
	limits->backoff_min_us = MIN_RECONNECT_DELAY_MS * US_PER_MS;
	limits->backoff_max_us = max_reconnect_delay_ms * US_PER_MS;
	limits->keepalive_us = keepalive_interval_ms * US_PER_MS;
	limits->keepalive_timeout_us = keepalive_timeout_ms * US_PER_MS;
	limits->idle_timeout_us = channel_idle_timeout_ms * US_PER_MS;
}
