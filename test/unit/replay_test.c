/*
 * Tests of stale commands that are merged, or not.
 *
 * An order here is a row of fields 1 to 9, each a text of one letter; an
 * event "2=b" sets one.  Business logic folds them as its owner would.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "codec/decode.h"
#include "codec/record.h"

#include "engine_world.h"
#include "failing_malloc.h"

#define MAX_REPLAYS 64

static World *world;

/* What each call of Replay was given: "after 1: 2 4=d 3 5=e". */
static char replays[MAX_REPLAYS][256];
static int	n_replays;
static int	handled;
static const char *decided[4];	/* events of the command; ends with NULL */
static const char *meanwhile;	/* an event that overtakes it, each time */
static int	times_overtaken;

static void decide(World *asked, H2Request *request,
				   PbContextualCommand *command);
static void fold(World *asked, H2Request *request, PbReplayRequest *replay);

static int
setup(void **state)
{
	n_replays = 0;
	handled = 0;
	memset(decided, 0, sizeof(decided));
	world = world_create();
	world->handle = decide;
	world->replay = fold;
	return !world_start(world);
}

static int
teardown(void **state)
{
	fail_malloc_after(-1);
	world_free(world);
	return 0;
}

/* ---- business logic ---- */

static void
decide(World *asked, H2Request *request, PbContextualCommand *command)
{
	PbBusinessResponse response = PB_BUSINESS_RESPONSE_INIT;
	PbEventBook book = PB_EVENT_BOOK_INIT;
	PbEventPage page[4];
	PbAny		event[4];
	PbEventPage *pages[4];

	handled++;
	for (; decided[book.n_pages] != NULL; book.n_pages++)
	{
		size_t		i = book.n_pages;

		pb_event_page_init(&page[i]);
		pb_any_init(&event[i]);
		event[i].type_url = (char *) "/shop.FieldSet";
		event[i].value.data = (uint8_t *) decided[i];
		event[i].value.len = 3;
		page[i].payload_case = PB_EVENT_PAGE_EVENT;
		page[i].event = &event[i];
		pages[i] = &page[i];
	}
	book.pages = pages;
	response.result_case = PB_BUSINESS_RESPONSE_EVENTS;
	response.events = &book;
	answer_message(asked, request, &response);
}

static void
note(const PbReplayRequest *replay)
{
	char	   *text = replays[n_replays++];
	size_t		used = 0;

	assert_true(n_replays < MAX_REPLAYS);
	text[0] = '\0';
	if (replay->base_snapshot != NULL)
		used += (size_t) snprintf(text, 256, "after %u:",
								  replay->base_snapshot->sequence);
	for (size_t i = 0; i < replay->n_events; i++)
		used += (size_t) snprintf(text + used, 256 - used, "%s%u %.3s",
								  used > 0 ? " " : "",
								  replay->events[i]->header->sequence,
								  (char *) replay->events[i]->event->value.data);
}

/* The state as bytes; none at all when no field is set. */
static size_t
fold_bytes(const PbReplayRequest *replay, uint8_t *bytes)
{
	char		fields[10] = {0};
	size_t		len = 0;

	if (replay->base_snapshot != NULL)
	{
		AzBytes		base = {replay->base_snapshot->state->value.data,
		replay->base_snapshot->state->value.len};
		AzRecord	record;

		while (az_record_take(&base, &record))
			fields[record.number] = (char) record.value.data[0];
	}
	for (size_t i = 0; i < replay->n_events; i++)
	{
		const char *event = (char *) replay->events[i]->event->value.data;

		fields[event[0] - '0'] = event[2];
	}
	for (int i = 1; i < 10; i++)
		if (fields[i] != 0 && fields[i] != '0')
		{
			bytes[len++] = (uint8_t) (i << 3 | 2);
			bytes[len++] = 1;
			bytes[len++] = (uint8_t) fields[i];
		}
	return len;
}

static void
answer_state(World *asked, H2Request *request, const char *type_url,
			 const uint8_t *bytes, size_t len)
{
	PbReplayResponse response = PB_REPLAY_RESPONSE_INIT;
	PbAny		any = PB_ANY_INIT;

	any.type_url = (char *) type_url;
	any.value.data = (uint8_t *) bytes;
	any.value.len = len;
	response.state = &any;
	answer_message(asked, request, &response);
}

static void
fold(World *asked, H2Request *request, PbReplayRequest *replay)
{
	uint8_t		bytes[30];

	note(replay);
	answer_state(asked, request, "/shop.Order", bytes,
				 fold_bytes(replay, bytes));
}

/* Leaves a state without any field unset. */
static void
fold_or_nothing(World *asked, H2Request *request, PbReplayRequest *replay)
{
	PbReplayResponse response = PB_REPLAY_RESPONSE_INIT;
	uint8_t		bytes[30];

	if (fold_bytes(replay, bytes) > 0)
		fold(asked, request, replay);
	else
	{
		note(replay);
		answer_message(asked, request, &response);
	}
}

/* ---- what the tests say ---- */

static void
happened(const char *const *events)
{
	for (; *events != NULL; events++)
		memory_db_put_event(world->memory, &world->order, "/shop.FieldSet",
							*events);
}

#define HAPPENED(...) happened((const char *const[]) {__VA_ARGS__, NULL})

static Reply
send_expecting(uint32_t expected, PbMergeStrategy merge)
{
	PbCommandRequest *request = world_command(world);

	request->command->pages[0]->merge_strategy = merge;
	request->command->pages[0]->header->sequence = expected;
	return world_handle(world, request);
}

/* A command that decides on one event, or on none. */
static Reply
send_stale(uint32_t expected, const char *event)
{
	decided[0] = event;
	return send_expecting(expected, PB_MERGE_COMMUTATIVE);
}

static void
assert_error(const Reply *reply, AzCode code, const char *text)
{
	if (reply->code != code || strstr(reply->message, text) == NULL)
		fail_msg("got %s \"%s\", not %s \"...%s...\"", az_code_name(reply->code),
				 reply->message, az_code_name(code), text);
}

static void
assert_appended(const Reply *reply, size_t stored)
{
	if (reply->code != AZ_OK)
		fail_msg("got %s \"%s\"", az_code_name(reply->code), reply->message);
	assert_int_equal(world_stored(world), stored);
}

static void *
detail(const Reply *reply, const char *type_url,
	   const ProtobufCMessageDescriptor *type)
{
	PbStatus   *status = az_decode(&pb_status_descriptor, reply->details,
								   world->arena, NULL);

	assert_non_null(status);
	assert_int_equal(status->code, reply->code);
	assert_string_equal(status->message, reply->message);
	for (size_t i = 0; i < status->n_details; i++)
		if (strcmp(status->details[i]->type_url, type_url) == 0)
		{
			AzBytes		bytes = {status->details[i]->value.data,
			status->details[i]->value.len};

			return az_decode(type, bytes, world->arena, NULL);
		}
	return NULL;
}

static const char *
metadata(const PbErrorInfo *info, const char *key)
{
	for (size_t i = 0; i < info->n_metadata; i++)
		if (strcmp(info->metadata[i]->key, key) == 0)
			return info->metadata[i]->value;
	return NULL;
}

static void
assert_overlap(const Reply *reply, const char *fields)
{
	const PbErrorInfo *info;

	assert_error(reply, AZ_FAILED_PRECONDITION, "Sequence mismatch: ");
	assert_error(reply, AZ_FAILED_PRECONDITION, "both changed fields ");
	info = detail(reply, "/google.rpc.ErrorInfo", &pb_error_info_descriptor);
	assert_string_equal(info->reason, "FIELD_OVERLAP");
	assert_string_equal(metadata(info, "fields"), fields);
}

static void
assert_mismatch(const Reply *reply, const char *message)
{
	const PbErrorInfo *info;

	assert_int_equal(reply->code, AZ_FAILED_PRECONDITION);
	assert_string_equal(reply->message, message);
	info = detail(reply, "/google.rpc.ErrorInfo", &pb_error_info_descriptor);
	assert_string_equal(info->reason, "SEQUENCE_MISMATCH");
	assert_null(metadata(info, "fields"));
}

static void
assert_replayed(const char *then, const char *now, const char *after)
{
	assert_int_equal(n_replays, 3);
	assert_string_equal(replays[0], then);
	assert_string_equal(replays[1], now);
	assert_string_equal(replays[2], after);
}

/* Somebody appends between the load and the append. */
static void
overtake(MemoryDb *memory, AzStatementId statement)
{
	if (statement == AZ_STATEMENT_APPEND_PROBED && times_overtaken-- > 0)
		HAPPENED(meanwhile);
}

/* ---- when Replay is asked ---- */

static void
a_command_that_expects_what_is_there_is_not_compared(void **state)
{
	Reply		reply = send_stale(0, "1=a");

	assert_appended(&reply, 1);
	reply = send_stale(1, "1=b");
	assert_appended(&reply, 2);
	assert_int_equal(n_replays, 0);
}

static void
a_command_ahead_of_its_aggregate_is_refused_and_nobody_is_asked(void **state)
{
	Reply		reply;

	reply = send_stale(1, "1=a");
	assert_mismatch(&reply,
					"Sequence mismatch: command expects 1, aggregate is at 0");
	HAPPENED("1=a", "2=b");
	reply = send_stale(3, "1=a");
	assert_mismatch(&reply,
					"Sequence mismatch: command expects 3, aggregate is at 2");
	assert_int_equal(handled, 0);
	assert_int_equal(n_replays, 0);
	assert_int_equal(world_stored(world), 2);
}

static void
no_other_strategy_asks_for_replay(void **state)
{
	HAPPENED("1=a", "2=b");
	decided[0] = "3=c";
	send_expecting(1, PB_MERGE_STRICT);
	send_expecting(1, PB_MERGE_MANUAL);
	assert_int_equal(handled, 0);
	send_expecting(1, PB_MERGE_AGGREGATE_HANDLES);
	assert_int_equal(handled, 1);
	assert_int_equal(n_replays, 0);
}

static void
commutative_is_the_strategy_of_a_command_that_names_none(void **state)
{
	Reply		reply;

	HAPPENED("1=a", "2=b");
	decided[0] = "3=c";
	reply = send_expecting(1, PB_MERGE_UNSPECIFIED);
	assert_appended(&reply, 3);
	assert_int_equal(n_replays, 3);
}

static void
a_stale_command_without_events_is_ok_and_nothing_is_compared(void **state)
{
	Reply		reply;

	HAPPENED("1=a", "2=b");
	reply = send_stale(1, NULL);
	assert_appended(&reply, 2);
	assert_int_equal(world_answer_book(world, &reply)->next_sequence, 2);
	assert_int_equal(n_replays, 0);
}

static void
a_stale_command_that_is_rejected_is_not_compared(void **state)
{
	PbCommandRequest *request = world_command(world);
	Reply		reply;

	HAPPENED("1=a", "2=b");
	world->handle = hold_request;
	request->command->pages[0]->merge_strategy = PB_MERGE_COMMUTATIVE;
	world_send_command(world, request, &reply);
	while (world->held == NULL)
		world_go_on(world);
	h2_refuse(world->held, "9", "not today");
	world_until(world, &reply.came);
	assert_error(&reply, AZ_FAILED_PRECONDITION, "not today");
	assert_int_equal(n_replays, 0);
}

/* ---- what is compared ---- */

static void
a_stale_command_is_decided_once_on_the_current_state_and_appended_there(void **state)
{
	PbEventBook *book;
	Reply		reply;

	HAPPENED("1=a", "2=b", "4=d");
	reply = send_stale(1, "3=c");
	assert_appended(&reply, 4);
	book = world_answer_book(world, &reply);
	assert_int_equal(book->n_pages, 1);
	assert_int_equal(book->pages[0]->header->sequence, 3);
	assert_int_equal(book->next_sequence, 4);
	assert_int_equal(handled, 1);
	assert_int_equal(world->last->events->n_pages, 3);
}

static void
replay_folds_what_was_expected_what_is_and_what_would_be(void **state)
{
	Reply		reply;

	HAPPENED("1=a", "2=b", "4=d");
	decided[1] = "5=e";
	reply = send_stale(1, "3=c");
	assert_appended(&reply, 5);
	assert_replayed("0 1=a", "0 1=a 1 2=b 2 4=d",
					"0 1=a 1 2=b 2 4=d 3 3=c 4 5=e");
	assert_int_equal(world->memory->executed[AZ_STATEMENT_LOAD_BOOKS], 1);
}

static void
a_command_that_expects_a_new_aggregate_is_compared_with_nothing(void **state)
{
	Reply		reply;

	HAPPENED("1=a");
	reply = send_stale(0, "2=b");
	assert_appended(&reply, 2);
	assert_replayed("", "0 1=a", "0 1=a 1 2=b");
}

static void
a_field_that_both_changed_refuses_the_command_and_is_named(void **state)
{
	const PbErrorInfo *info;
	const PbEventBook *book;
	Reply		reply;

	HAPPENED("1=a", "2=b", "3=c");
	reply = send_stale(1, "2=x");
	assert_overlap(&reply, "2");
	assert_string_equal(reply.message,
						"Sequence mismatch: command expects 1, aggregate is at 3; both changed fields 2");
	info = detail(&reply, "/google.rpc.ErrorInfo", &pb_error_info_descriptor);
	assert_string_equal(info->domain, "angzarr.io");
	assert_string_equal(metadata(info, "domain"), "order");
	assert_string_equal(metadata(info, "root"),
						"07070707-0707-0707-0707-070707070707");
	assert_string_equal(metadata(info, "expected"), "1");
	assert_string_equal(metadata(info, "actual"), "3");
	assert_non_null(detail(&reply, "/google.rpc.RetryInfo",
						   &pb_retry_info_descriptor));
	book = detail(&reply, "/io.angzarr.v1.EventBook",
				  &pb_event_book_descriptor);
	assert_int_equal(book->n_pages, 3);
	assert_int_equal(world_stored(world), 3);
	assert_int_equal(handled, 1);
	assert_int_equal(world->memory->kept.n_letters, 0);
}

static void
fields_that_both_changed_are_named_in_ascending_order(void **state)
{
	Reply		reply;

	HAPPENED("1=a", "7=b", "3=c", "5=d");
	decided[1] = "4=y";
	decided[2] = "7=z";
	reply = send_stale(1, "3=x");
	assert_overlap(&reply, "3,7");
	assert_int_equal(world_stored(world), 4);
}

/* shop.proto: message Order { string two = 2; string six = 6; } */
static const uint8_t shop_file[] =
"\x0A\x0A" "shop.proto" "\x12\x04" "shop"
"\x22\x21\x0A\x05" "Order"
"\x12\x0B\x0A\x03" "two" "\x18\x02\x20\x01\x28\x09"
"\x12\x0B\x0A\x03" "six" "\x18\x06\x20\x01\x28\x09"
"\x62\x06" "proto3";

static void
fields_of_a_type_that_is_registered_are_named(void **state)
{
	const PbErrorInfo *info;
	Reply		reply;

	world->memory->files[0].name = "shop.proto";
	world->memory->files[0].bytes.data = shop_file;
	world->memory->files[0].bytes.len = sizeof(shop_file) - 1;
	world->memory->n_files = 1;
	world->memory->generation++;
	HAPPENED("1=a", "6=f", "3=c", "2=b");
	decided[1] = "3=y";
	decided[2] = "6=z";
	reply = send_stale(1, "2=x");
	assert_error(&reply, AZ_FAILED_PRECONDITION,
				 "both changed fields two,3,six");
	info = detail(&reply, "/google.rpc.ErrorInfo", &pb_error_info_descriptor);
	assert_string_equal(metadata(info, "fields"), "two,3,six");
}

static void
what_was_changed_before_the_expected_sequence_is_no_overlap(void **state)
{
	Reply		reply;

	HAPPENED("1=a", "2=b", "3=c");
	reply = send_stale(2, "2=x");
	assert_appended(&reply, 4);
	reply = send_stale(3, "2=y");
	assert_overlap(&reply, "2");
}

static void
what_was_changed_and_changed_back_is_no_overlap(void **state)
{
	Reply		reply;

	HAPPENED("2=b", "2=c", "2=b");
	reply = send_stale(1, "2=x");
	assert_appended(&reply, 4);
}

static void
an_unset_state_counts_as_all_defaults(void **state)
{
	Reply		reply;

	world->replay = fold_or_nothing;
	HAPPENED("1=a");
	reply = send_stale(0, "2=b");
	assert_appended(&reply, 2);
	reply = send_stale(0, "2=c");
	assert_overlap(&reply, "2");
	/* All three of them. */
	world->order.root[0]++;
	HAPPENED("1=0");
	reply = send_stale(0, "1=0");
	assert_appended(&reply, 2);
}

static void
fold_into_other_type(World *asked, H2Request *request,
					 PbReplayRequest *replay)
{
	uint8_t		bytes[30];
	size_t		len = fold_bytes(replay, bytes);

	note(replay);
	answer_state(asked, request, replay->n_events < 2 ? "/shop.Draft" :
				 "/shop.Order", bytes, len);
}

static void
a_state_that_became_another_type_has_changed_in_every_field(void **state)
{
	Reply		reply;

	world->replay = fold_into_other_type;
	HAPPENED("1=a", "2=b");
	reply = send_stale(1, "3=c");
	assert_overlap(&reply, "3");
	assert_int_equal(world_stored(world), 2);
}

/* ---- snapshots ---- */

static void
a_snapshot_before_the_expected_sequence_begins_all_three(void **state)
{
	Reply		reply;

	HAPPENED("1=a", "2=b", "4=d", "5=e");
	memory_db_put_snapshot(world->memory, &world->order, 1,
						   "\x0A\x01" "a\x12\x01" "b");
	reply = send_stale(3, "3=c");
	assert_appended(&reply, 5);
	assert_replayed("after 1: 2 4=d", "after 1: 2 4=d 3 5=e",
					"after 1: 2 4=d 3 5=e 4 3=c");
	assert_int_equal(world->memory->executed[AZ_STATEMENT_LOAD_BOOKS], 1);
}

static void
a_snapshot_at_the_event_before_the_expected_one_is_used(void **state)
{
	Reply		reply;

	HAPPENED("1=a", "2=b", "4=d");
	memory_db_put_snapshot(world->memory, &world->order, 1,
						   "\x0A\x01" "a\x12\x01" "b");
	reply = send_stale(2, "2=c");
	assert_appended(&reply, 4);
	assert_replayed("after 1:", "after 1: 2 4=d", "after 1: 2 4=d 3 2=c");
}

static void
a_snapshot_at_the_expected_sequence_is_too_late_for_it(void **state)
{
	Reply		reply;

	HAPPENED("1=a", "2=b", "4=d");
	memory_db_put_snapshot(world->memory, &world->order, 1,
						   "\x0A\x01" "a\x12\x01" "b");
	reply = send_stale(1, "2=c");
	assert_overlap(&reply, "2");
	assert_replayed("0 1=a", "after 1: 2 4=d", "after 1: 2 4=d 3 2=c");
	assert_int_equal(world->memory->executed[AZ_STATEMENT_LOAD_BOOKS], 2);
}

static void
a_snapshot_after_the_expected_sequence_is_replaced_by_an_older_one(void **state)
{
	Reply		reply;

	HAPPENED("1=a", "2=b", "4=d", "5=e");
	memory_db_put_snapshot(world->memory, &world->order, 0, "\x0A\x01" "a");
	memory_db_put_snapshot(world->memory, &world->order, 3,
						   "\x0A\x01" "a\x12\x01" "b\x22\x01" "d\x2A\x01" "e");
	reply = send_stale(2, "2=c");
	assert_appended(&reply, 5);
	assert_replayed("after 0: 1 2=b", "after 3:", "after 3: 4 2=c");
}

static void
a_snapshot_of_the_newest_event_does_not_hide_what_changed(void **state)
{
	Reply		reply;

	HAPPENED("1=a", "2=b");
	memory_db_put_snapshot(world->memory, &world->order, 1,
						   "\x0A\x01" "a\x12\x01" "b");
	reply = send_stale(0, "2=c");
	assert_overlap(&reply, "2");
	assert_replayed("", "after 1:", "after 1: 2 2=c");
	assert_int_equal(world->memory->executed[AZ_STATEMENT_LOAD_BOOKS], 1);
}

static void
an_aggregate_that_wants_full_books_replays_them_too(void **state)
{
	MemoryComponent component = world->memory->components[0];
	Reply		reply;

	component.full_books = true;
	memory_db_unregister(world->memory, component.name);
	memory_db_register(world->memory, component);
	HAPPENED("1=a", "2=b", "4=d");
	memory_db_put_snapshot(world->memory, &world->order, 0, "\x0A\x01" "a");
	memory_db_put_snapshot(world->memory, &world->order, 2, "\x0A\x01" "z");
	reply = send_stale(1, "3=c");
	assert_appended(&reply, 4);
	assert_replayed("0 1=a", "0 1=a 1 2=b 2 4=d",
					"0 1=a 1 2=b 2 4=d 3 3=c");
}

static void
a_history_that_is_no_longer_whole_leaves_the_mismatch(void **state)
{
	Reply		reply;

	memory_db_put_snapshot(world->memory, &world->order, 4, "\x0A\x01" "a");
	HAPPENED("2=b");
	reply = send_stale(3, "3=c");
	assert_mismatch(&reply,
					"Sequence mismatch: command expects 3, aggregate is at 6");
	assert_int_equal(n_replays, 0);
	assert_int_equal(world_stored(world), 1);
}

static void
fail_second_load(MemoryDb *memory, AzStatementId statement)
{
	if (statement == AZ_STATEMENT_LOAD_BOOKS && handled > 0)
		memory_db_fail_statement(memory, statement, 1, "53100");
}

static void
an_expected_history_that_cannot_be_loaded_says_why(void **state)
{
	Reply		reply;

	HAPPENED("1=a", "2=b");
	memory_db_put_snapshot(world->memory, &world->order, 1, "\x0A\x01" "a");
	world->memory->before = fail_second_load;
	reply = send_stale(1, "3=c");
	assert_int_equal(reply.code, AZ_RESOURCE_EXHAUSTED);
	assert_int_equal(world_stored(world), 2);
}

/* ---- business logic that cannot or will not ---- */

static void
without_replay_a_stale_command_is_refused_as_under_strict(void **state)
{
	Reply		reply;

	world->replay = NULL;
	HAPPENED("1=a", "2=b");
	reply = send_stale(1, "3=c");
	assert_mismatch(&reply,
					"Sequence mismatch: command expects 1, aggregate is at 2");
	assert_non_null(detail(&reply, "/google.rpc.RetryInfo",
						   &pb_retry_info_descriptor));
	assert_int_equal(handled, 1);
	assert_int_equal(h2_service_requests(world->service), 2);
	assert_int_equal(world_stored(world), 2);
}

/* With details {code 9, message "no", an Any of type "x"}. */
static void
fail_replay(World *asked, H2Request *request, PbReplayRequest *replay)
{
	static const char *const trailers[] = {
		"grpc-status", "9", "grpc-message", "no",
		"grpc-status-details-bin", "CAkSAm5vGgMKAXg", NULL
	};
	static const char *const headers[] = {
		":status", "200", "content-type", "application/grpc", NULL
	};

	note(replay);
	h2_answer(request, headers, NULL, 0, trailers);
}

static void
a_replay_that_fails_goes_on_with_its_code_and_names_the_phase(void **state)
{
	PbStatus   *status;
	Reply		reply;

	world->replay = fail_replay;
	HAPPENED("1=a", "2=b");
	reply = send_stale(1, "3=c");
	assert_error(&reply, AZ_FAILED_PRECONDITION,
				 "Replay by business logic of domain \"order\" at grpc://127.0.0.1:");
	assert_error(&reply, AZ_FAILED_PRECONDITION, ": no");
	status = az_decode(&pb_status_descriptor, reply.details, world->arena,
					   NULL);
	assert_string_equal(status->message, reply.message);
	assert_int_equal(status->n_details, 1);
	assert_string_equal(status->details[0]->type_url, "x");
	assert_int_equal(n_replays, 1);
	assert_int_equal(world_stored(world), 2);
}

static void
hang_up(World *asked, H2Request *request, PbReplayRequest *replay)
{
	note(replay);
	h2_close(request->connection);
}

static void
a_replay_that_hangs_up_is_unavailable_and_named(void **state)
{
	Reply		reply;

	world->replay = hang_up;
	HAPPENED("1=a", "2=b");
	reply = send_stale(1, "3=c");
	assert_error(&reply, AZ_UNAVAILABLE,
				 "Replay by business logic of domain \"order\"");
	assert_int_equal(world_stored(world), 2);
}

static H2Request *held;

/* The third one, so that the calls before it are seen to work. */
static void
hold_third(World *asked, H2Request *request, PbReplayRequest *replay)
{
	if (n_replays < 2)
		fold(asked, request, replay);
	else
		held = request;
}

static void
a_replay_that_is_slow_is_deadline_exceeded_and_named(void **state)
{
	Reply		reply;

	world->replay = hold_third;
	world->settings.jobs.call_timeout_us = 50000;
	az_engine_apply(world->engine, &world->settings);
	HAPPENED("1=a", "2=b");
	reply = send_stale(1, "3=c");
	assert_error(&reply, AZ_DEADLINE_EXCEEDED,
				 "Replay by business logic of domain \"order\"");
	assert_int_equal(world_stored(world), 2);
}

static void
a_client_that_goes_away_stops_the_replay_and_nothing_is_stored(void **state)
{
	PbCommandRequest *request = world_command(world);
	Reply		reply;
	AzEngineStats stats;
	bool		is_reset = false;

	held = NULL;
	world->replay = hold_third;
	HAPPENED("1=a", "2=b");
	decided[0] = "3=c";
	request->command->pages[0]->merge_strategy = PB_MERGE_COMMUTATIVE;
	world_send_command(world, request, &reply);
	while (held == NULL)
		world_go_on(world);
	az_call_cancel(reply.call);
	while (!is_reset)
	{
		world_go_on(world);
		is_reset = h2_service_resets(world->service) == 1;
	}
	az_engine_stats(world->engine, &stats);
	assert_int_equal(stats.jobs, 0);
	assert_int_equal(world_stored(world), 2);
}

static void
answer_garbage(World *asked, H2Request *request, PbReplayRequest *replay)
{
	static const char *const headers[] = {
		":status", "200", "content-type", "application/grpc", NULL
	};
	static const char *const trailers[] = {"grpc-status", "0", NULL};
	AzBytes		frame = h2_frame(asked->arena, "\xFF\xFF\xFF");

	h2_answer(request, headers, frame.data, frame.len, trailers);
}

static void
a_replay_that_does_not_decode_is_internal_and_names_who_said_it(void **state)
{
	Reply		reply;

	world->replay = answer_garbage;
	HAPPENED("1=a", "2=b");
	reply = send_stale(1, "3=c");
	assert_error(&reply, AZ_INTERNAL, "\"order\"");
	assert_error(&reply, AZ_INTERNAL, world->address);
	assert_error(&reply, AZ_INTERNAL, "ReplayResponse");
	assert_int_equal(world_stored(world), 2);
}

static void
answer_broken_state(World *asked, H2Request *request,
					PbReplayRequest *replay)
{
	note(replay);
	answer_state(asked, request, "/shop.Order", (const uint8_t *) "\x0A\x05" "ab", 4);
}

static void
a_state_that_does_not_decode_is_internal_and_names_who_said_it(void **state)
{
	Reply		reply;

	world->replay = answer_broken_state;
	HAPPENED("1=a", "2=b");
	reply = send_stale(1, "3=c");
	assert_error(&reply, AZ_INTERNAL,
				 "business logic of domain \"order\" at grpc://127.0.0.1:");
	assert_error(&reply, AZ_INTERNAL,
				 "answered Replay with a state that does not decode");
	assert_int_equal(world_stored(world), 2);
}

/* ---- overtaken at the append ---- */

static void
a_command_that_is_overtaken_by_other_fields_is_merged(void **state)
{
	Reply		reply;

	HAPPENED("1=a");
	world->memory->before = overtake;
	meanwhile = "2=b";
	times_overtaken = 1;
	reply = send_stale(1, "3=c");
	assert_appended(&reply, 3);
	assert_int_equal(world_answer_book(world, &reply)->pages[0]->header->sequence, 2);
	assert_int_equal(handled, 2);
	assert_replayed("0 1=a", "0 1=a 1 2=b", "0 1=a 1 2=b 2 3=c");
}

static void
a_command_that_is_overtaken_by_the_same_field_is_refused(void **state)
{
	Reply		reply;

	HAPPENED("1=a");
	world->memory->before = overtake;
	meanwhile = "3=b";
	times_overtaken = 1;
	reply = send_stale(1, "3=c");
	assert_overlap(&reply, "3");
	assert_error(&reply, AZ_FAILED_PRECONDITION,
				 "command expects 1, aggregate is at 2");
	assert_int_equal(world_stored(world), 2);
}

static void
a_merged_command_that_is_overtaken_is_compared_with_all_that_happened(void **state)
{
	Reply		reply;

	HAPPENED("1=a", "2=b");
	world->memory->before = overtake;
	meanwhile = "4=d";
	times_overtaken = 1;
	reply = send_stale(1, "3=c");
	assert_appended(&reply, 4);
	assert_int_equal(n_replays, 6);
	assert_string_equal(replays[3], "0 1=a");
	assert_string_equal(replays[4], "0 1=a 1 2=b 2 4=d");
	assert_string_equal(replays[5], "0 1=a 1 2=b 2 4=d 3 3=c");
}

static void
a_command_that_is_overtaken_too_often_is_refused_with_what_it_expected(void **state)
{
	Reply		reply;

	HAPPENED("1=a");
	world->memory->before = overtake;
	meanwhile = "2=b";
	times_overtaken = 100;
	reply = send_stale(1, "3=c");
	assert_mismatch(&reply,
					"Sequence mismatch: command expects 1, aggregate is at 7");
	assert_int_equal(handled, 6);
	assert_int_equal(world_stored(world), 7);
}

static void
without_replay_an_overtaken_command_is_refused_as_under_strict(void **state)
{
	Reply		reply;

	HAPPENED("1=a");
	world->replay = NULL;
	world->memory->before = overtake;
	meanwhile = "2=b";
	times_overtaken = 1;
	reply = send_stale(1, "3=c");
	assert_mismatch(&reply,
					"Sequence mismatch: command expects 1, aggregate is at 2");
	assert_int_equal(world_stored(world), 2);
}

/* ---- memory ---- */

/* Whatever allocation fails: an answer, and what it says is what is stored. */
static void
memory_that_runs_out_never_merges_what_overlaps(void **state)
{
	bool		worked = false;

	HAPPENED("1=a", "2=b");
	memory_db_put_snapshot(world->memory, &world->order, 1,
						   "\x0A\x01" "a\x12\x01" "b");
	send_stale(1, "1=z");
	for (int n = 0; !worked; n++)
	{
		PbCommandRequest *request = world_command(world);
		size_t		before = world_stored(world);
		Reply		reply;

		assert_true(n < 3000);
		n_replays = 0;
		decided[0] = "2=x";
		request->command->pages[0]->merge_strategy = PB_MERGE_COMMUTATIVE;
		request->command->pages[0]->header->sequence = 1;
		world_send_command(world, request, &reply);
		fail_malloc_after(n);
		world_until(world, &reply.came);
		/* A connection that was lost to the failure before is no success. */
		worked = !malloc_has_failed() && reply.code != AZ_UNAVAILABLE;
		fail_malloc_after(-1);
		assert_int_not_equal(reply.code, AZ_OK);
		assert_int_equal(world_stored(world), before);
		if (worked)
			assert_overlap(&reply, "2");
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_command_that_expects_what_is_there_is_not_compared),
		TEST(a_command_ahead_of_its_aggregate_is_refused_and_nobody_is_asked),
		TEST(no_other_strategy_asks_for_replay),
		TEST(commutative_is_the_strategy_of_a_command_that_names_none),
		TEST(a_stale_command_without_events_is_ok_and_nothing_is_compared),
		TEST(a_stale_command_that_is_rejected_is_not_compared),
		TEST(a_stale_command_is_decided_once_on_the_current_state_and_appended_there),
		TEST(replay_folds_what_was_expected_what_is_and_what_would_be),
		TEST(a_command_that_expects_a_new_aggregate_is_compared_with_nothing),
		TEST(a_field_that_both_changed_refuses_the_command_and_is_named),
		TEST(fields_that_both_changed_are_named_in_ascending_order),
		TEST(fields_of_a_type_that_is_registered_are_named),
		TEST(what_was_changed_before_the_expected_sequence_is_no_overlap),
		TEST(what_was_changed_and_changed_back_is_no_overlap),
		TEST(an_unset_state_counts_as_all_defaults),
		TEST(a_state_that_became_another_type_has_changed_in_every_field),
		TEST(a_snapshot_before_the_expected_sequence_begins_all_three),
		TEST(a_snapshot_at_the_event_before_the_expected_one_is_used),
		TEST(a_snapshot_at_the_expected_sequence_is_too_late_for_it),
		TEST(a_snapshot_after_the_expected_sequence_is_replaced_by_an_older_one),
		TEST(a_snapshot_of_the_newest_event_does_not_hide_what_changed),
		TEST(an_aggregate_that_wants_full_books_replays_them_too),
		TEST(a_history_that_is_no_longer_whole_leaves_the_mismatch),
		TEST(an_expected_history_that_cannot_be_loaded_says_why),
		TEST(without_replay_a_stale_command_is_refused_as_under_strict),
		TEST(a_replay_that_fails_goes_on_with_its_code_and_names_the_phase),
		TEST(a_replay_that_hangs_up_is_unavailable_and_named),
		TEST(a_replay_that_is_slow_is_deadline_exceeded_and_named),
		TEST(a_client_that_goes_away_stops_the_replay_and_nothing_is_stored),
		TEST(a_replay_that_does_not_decode_is_internal_and_names_who_said_it),
		TEST(a_state_that_does_not_decode_is_internal_and_names_who_said_it),
		TEST(a_command_that_is_overtaken_by_other_fields_is_merged),
		TEST(a_command_that_is_overtaken_by_the_same_field_is_refused),
		TEST(a_merged_command_that_is_overtaken_is_compared_with_all_that_happened),
		TEST(a_command_that_is_overtaken_too_often_is_refused_with_what_it_expected),
		TEST(without_replay_an_overtaken_command_is_refused_as_under_strict),
		TEST(memory_that_runs_out_never_merges_what_overlaps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
