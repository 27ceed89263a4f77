/* Tests of reactions: what comes of an event, and that it comes once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "codec/decode.h"
#include "codec/notification.h"
#include "codec/uuid.h"
#include "store/outbox.h"

#include "failing_malloc.h"
#include "reaction_world.h"

static Reactions *reactions;
static World *world;

static int
setup(void **state)
{
	reactions = reactions_create();
	world = reactions->world;
	return 0;
}

static int
teardown(void **state)
{
	fail_malloc_after(-1);
	reactions_free(reactions);
	return 0;
}

static Outcome
deliver_saga(void)
{
	return reactions_deliver(reactions, "fulfil", 0, 1);
}

static void
assert_settled(const Outcome *outcome)
{
	if (outcome->code != AZ_OK)
		fail_msg("got %s \"%s\"", az_code_name(outcome->code),
				 outcome->message);
}

static const AzEvent *
stock_event(size_t i)
{
	size_t		count;
	const AzEvent *events = memory_db_events(world->memory,
											 &reactions->stock, &count);

	assert_true(i < count);
	return &events[i];
}

static AzStatementId failing;

static void
fail_it(MemoryDb *memory, AzStatementId statement)
{
	if (statement == failing)
		memory_db_fail_statement(memory, statement, 1, "53100");
}

static void
fail_always(AzStatementId statement)
{
	failing = statement;
	world->memory->before = fail_it;
}

/* ---- sagas ---- */

static void
a_saga_is_handed_the_event_and_how_it_is_called(void **state)
{
	PbAny		ext = PB_ANY_INIT;
	const PbEventBook *source;
	Outcome		outcome;

	ext.type_url = (char *) "/shop.Tenant";
	assert_true(az_encode(&ext, world->arena, &reactions->event.ext, NULL));
	outcome = deliver_saga();
	assert_settled(&outcome);
	source = reactions->last_saga->source;
	assert_string_equal(source->cover->ext->type_url, "/shop.Tenant");
	assert_string_equal(source->cover->domain, "order");
	assert_string_equal(source->cover->correlation_id, "order-77");
	assert_null(source->cover->edition);
	assert_int_equal(source->n_pages, 1);
	assert_int_equal(source->pages[0]->header->sequence, 3);
	assert_int_equal(source->next_sequence, 4);
	assert_null(source->snapshot);
	assert_int_equal(reactions->last_saga->sync_mode, PB_SYNC_MODE_ASYNC);
	assert_int_equal(reactions_keys(reactions, "reaction"), 1);
}

static void
two_commands_to_one_aggregate_are_two_commands(void **state)
{
	Outcome		outcome;

	reactions_answer(reactions, reactions_command(reactions),
					 reactions_command(reactions));
	outcome = deliver_saga();
	assert_settled(&outcome);
	assert_int_equal(reactions->stock_calls, 2);
	assert_int_equal(reactions_stored(reactions, &reactions->stock), 2);
	assert_int_equal(reactions_keys(reactions, "command"), 2);
	assert_string_equal(stock_event(0)->correlation_id, "order-77");
	assert_int_equal(stock_event(0)->depth, 1);
	assert_string_equal(stock_event(1)->cause->component, "fulfil");
	assert_int_equal(stock_event(1)->cause->sequence, 3);
	assert_string_equal(stock_event(1)->cause->source.domain, "order");
}

static void
an_event_that_was_handled_is_not_handed_over_again(void **state)
{
	Outcome		outcome;

	reactions_answer(reactions, reactions_command(reactions), NULL);
	deliver_saga();
	outcome = deliver_saga();
	assert_settled(&outcome);
	assert_true(outcome.was_recorded);
	assert_int_equal(reactions->saga_calls, 1);
	assert_int_equal(reactions->stock_calls, 1);
	assert_int_equal(reactions_stored(reactions, &reactions->stock), 1);
}

static void
an_answer_without_anything_is_remembered_too(void **state)
{
	deliver_saga();
	deliver_saga();
	assert_int_equal(reactions->saga_calls, 1);
}

static void
after_a_crash_the_recorded_commands_run_once(void **state)
{
	Outcome		lost = {0};
	Outcome		outcome;

	reactions_answer(reactions, reactions_command(reactions),
					 reactions_command(reactions));
	reactions_begin(reactions, "fulfil", &lost);
	while (reactions->stock_calls == 0)
		reactions_turn(reactions);
	assert_false(lost.came);
	reactions_crash(reactions);
	reactions_answer(reactions, NULL, NULL);
	outcome = deliver_saga();
	assert_settled(&outcome);
	assert_int_equal(reactions->saga_calls, 1);
	assert_int_equal(reactions_stored(reactions, &reactions->stock), 2);
}

static void
a_command_that_expects_a_sequence_runs_once_as_well(void **state)
{
	PbCommandBook *command = reactions_command(reactions);
	PbPageHeader header = PB_PAGE_HEADER_INIT;
	Outcome		outcome;

	header.sequence_type_case = PB_PAGE_HEADER_SEQUENCE;
	command->pages[0]->header = &header;
	command->pages[0]->merge_strategy = PB_MERGE_STRICT;
	reactions_answer(reactions, command, NULL);
	deliver_saga();
	assert_int_equal(reactions->last_command->command->pages[0]->header->sequence_type_case,
					 PB_PAGE_HEADER_SEQUENCE);
	outcome = deliver_saga();
	assert_settled(&outcome);
	assert_int_equal(outcome.n_errors, 0);
	assert_int_equal(reactions->stock_calls, 1);
	assert_int_equal(reactions_stored(reactions, &reactions->stock), 1);
}

static void
a_stale_sequence_cannot_go_back_and_is_a_dead_letter(void **state)
{
	PbCommandBook *command = reactions_command(reactions);
	PbPageHeader header = PB_PAGE_HEADER_INIT;
	PbAngzarrDeadLetter *letter;
	Outcome		outcome;

	header.sequence_type_case = PB_PAGE_HEADER_SEQUENCE;
	header.sequence = 5;
	command->pages[0]->header = &header;
	command->pages[0]->merge_strategy = PB_MERGE_STRICT;
	reactions_answer(reactions, command, NULL);
	outcome = deliver_saga();
	assert_settled(&outcome);
	assert_true(outcome.was_lettered);
	letter = reactions_letter(reactions, 0);
	assert_string_equal(letter->cover->domain, "stock");
	assert_string_equal(letter->source_component, "fulfil");
	assert_string_equal(letter->source_component_type, "saga");
	assert_int_equal(letter->payload_case,
					 PB_ANGZARR_DEAD_LETTER_REJECTED_COMMAND);
	assert_int_equal(letter->event_processing_failed->retry_count, 0);
	assert_false(letter->event_processing_failed->is_transient);
}

static void
facts_are_recorded_after_the_commands(void **state)
{
	Outcome		outcome;

	reactions_answer(reactions, reactions_command(reactions), NULL);
	reactions_answer_fact(reactions, reactions_fact(reactions));
	outcome = deliver_saga();
	assert_settled(&outcome);
	assert_int_equal(reactions_stored(reactions, &reactions->stock), 2);
	assert_string_equal(stock_event(1)->type_url, "/shop.PaymentReceived");
	assert_int_equal(stock_event(1)->depth, 1);
	outcome = deliver_saga();
	assert_settled(&outcome);
	assert_int_equal(reactions_stored(reactions, &reactions->stock), 2);
}

static void
the_edition_of_the_event_is_that_of_all_that_comes_of_it(void **state)
{
	AzAggregate branch = reactions->stock;
	Outcome		outcome;

	world->order.edition = "trial";
	world->order.has_divergence = true;
	world->order.divergence = 2;
	branch.edition = "trial";
	reactions_answer(reactions, reactions_command(reactions), NULL);
	outcome = deliver_saga();
	assert_settled(&outcome);
	assert_string_equal(reactions->last_saga->source->cover->edition->name,
						"trial");
	assert_int_equal(reactions->last_saga->source->cover->edition->divergences[0]->sequence,
					 2);
	assert_int_equal(reactions_stored(reactions, &branch), 1);
	assert_int_equal(reactions_stored(reactions, &reactions->stock), 0);
}

static void
a_command_whose_payload_is_kept_elsewhere_is_passed_on_as_it_is(void **state)
{
	PbCommandBook *command = reactions_command(reactions);
	PbPayloadReference reference = PB_PAYLOAD_REFERENCE_INIT;
	const PbCommandPage *passed;
	Outcome		outcome;

	reference.storage_type = PB_PAYLOAD_STORAGE_TYPE_S3;
	reference.uri = (char *) "s3://bucket/2";
	reference.original_size = 5000000;
	command->pages[0]->payload_case = PB_COMMAND_PAGE_EXTERNAL;
	command->pages[0]->external = &reference;
	reactions_answer(reactions, command, NULL);
	outcome = deliver_saga();
	assert_settled(&outcome);
	assert_int_equal(reactions->stock_calls, 1);
	passed = reactions->last_command->command->pages[0];
	assert_int_equal(passed->payload_case, PB_COMMAND_PAGE_EXTERNAL);
	assert_int_equal(passed->external->storage_type,
					 PB_PAYLOAD_STORAGE_TYPE_S3);
	assert_string_equal(passed->external->uri, "s3://bucket/2");
	assert_int_equal(passed->external->original_size, 5000000);
}

static void
a_fact_whose_payload_is_kept_elsewhere_is_stored_as_it_is(void **state)
{
	PbEventBook *fact = reactions_fact(reactions);
	PbPayloadReference reference = PB_PAYLOAD_REFERENCE_INIT;
	const PbPayloadReference *stored;
	Outcome		outcome;

	reference.uri = (char *) "s3://bucket/3";
	fact->pages[0]->payload_case = PB_EVENT_PAGE_EXTERNAL;
	fact->pages[0]->external = &reference;
	reactions_answer_fact(reactions, fact);
	outcome = deliver_saga();
	assert_settled(&outcome);
	stored = az_decode(&pb_payload_reference_descriptor,
					   stock_event(0)->external, world->arena, NULL);
	assert_non_null(stored);
	assert_string_equal(stored->uri, "s3://bucket/3");
}

/* The components are read anew. */
static void
register_upcaster(const char *domain)
{
	MemoryComponent upcaster = {
		.name = "old-events",.kind = "upcaster",.domain = domain,
		.address = world->address
	};

	memory_db_register(world->memory, upcaster);
	reactions_crash(reactions);
}

static void
a_saga_is_handed_the_event_as_the_upcaster_makes_it(void **state)
{
	Outcome		outcome;

	reactions->upcasts = true;
	register_upcaster("order");
	outcome = deliver_saga();
	assert_settled(&outcome);
	assert_string_equal(reactions->last_saga->source->pages[0]->event->type_url,
						"/shop.New");
}

static void
an_event_that_cannot_be_upcast_is_tried_again(void **state)
{
	PbAngzarrDeadLetter *letter;
	Outcome		outcome;

	register_upcaster("order");
	outcome = deliver_saga();
	assert_int_equal(outcome.code, AZ_INTERNAL);
	assert_int_equal(outcome.stage, 0);
	assert_int_equal(world->memory->kept.committed_letters, 0);
	outcome = reactions_deliver(reactions, "fulfil", 0, 3);
	assert_settled(&outcome);
	assert_int_equal(reactions->saga_calls, 0);
	letter = reactions_letter(reactions, 0);
	assert_true(letter->event_processing_failed->is_transient);
	assert_string_equal(letter->rejected_events->pages[0]->event->type_url,
						"/shop.OrderPlaced");
}

static void
a_process_is_handed_its_state_as_the_upcaster_makes_it(void **state)
{
	AzAggregate process = {.domain = "process",.edition = ""};
	const PbProcessManagerHandleRequest *handed;
	Outcome		outcome;

	az_uuid_of_process("order-77", process.root);
	memory_db_put_event(world->memory, &process, "/shop.Reserved", "old");
	reactions->upcasts = true;
	register_upcaster("process");
	outcome = reactions_deliver(reactions, "checkout", 0, 1);
	assert_settled(&outcome);
	handed = reactions->last_process;
	assert_string_equal(handed->process_state->pages[0]->event->type_url,
						"/shop.New");
	assert_string_equal(handed->trigger->pages[0]->event->type_url,
						"/shop.OrderPlaced");
}

/* ---- commands that fail ---- */

static void
a_rejected_command_goes_back_by_the_outbox_and_is_not_run_again(void **state)
{
	const MemoryOutbox *outbox = &world->memory->committed_outbox;
	Outcome		outcome;

	reactions->stock_status = "9";
	reactions->stock_refusals = -1;
	reactions_answer(reactions, reactions_command(reactions), NULL);
	outcome = deliver_saga();
	assert_settled(&outcome);
	assert_false(outcome.was_lettered);
	assert_int_equal(outcome.n_errors, 1);
	assert_int_equal(outbox->count, 1);
	assert_int_equal(reactions_keys(reactions, "settled"), 1);
	outcome = deliver_saga();
	assert_settled(&outcome);
	assert_int_equal(reactions->stock_calls, 1);
	assert_int_equal(outbox->count, 1);
}

/* A status of code 9 whose ErrorInfo has the reason OUT_OF_STOCK. */
#define OUT_OF_STOCK \
	"CAkSCW5vbmUgbGVmdBo6Cih0eXBlLmdvb2dsZWFwaXMuY29tL2dvb2dsZS5ycGMuRXJy" \
	"b3JJbmZvEg4KDE9VVF9PRl9TVE9DSw"

static AzNotice
recorded_notice(size_t i)
{
	const MemoryOutbox *outbox = &world->memory->committed_outbox;
	PbCommandBook *envelope;
	AzNotice	notice;

	assert_true(i < outbox->count);
	envelope = az_decode(&pb_command_book_descriptor,
						 outbox->rows[i].envelope, world->arena, NULL);
	assert_non_null(envelope);
	assert_true(az_notification_open(envelope, &notice, world->arena, NULL));
	return notice;
}

static void
a_rejection_says_which_command_and_why_to_where_it_comes_from(void **state)
{
	const MemoryOutbox *outbox = &world->memory->committed_outbox;
	AzNotice	notice;

	reactions->stock_status = "9";
	reactions->stock_details = OUT_OF_STOCK;
	reactions->stock_refusals = -1;
	reactions_answer(reactions, reactions_command(reactions),
					 reactions_command(reactions));
	deliver_saga();
	assert_int_equal(outbox->count, 2);
	assert_string_equal(outbox->rows[1].kind, AZ_OUTBOX_REJECTION);
	assert_string_equal(outbox->rows[1].component, "fulfil");
	assert_string_equal(outbox->rows[1].target.domain, "order");
	assert_memory_equal(outbox->rows[1].target.root, world->order.root,
						AZ_UUID_SIZE);
	assert_int_equal(outbox->rows[1].depth, 2);
	notice = recorded_notice(1);
	assert_string_equal(notice.target->domain, "order");
	assert_string_equal(notice.target->correlation_id, "order-77");
	assert_string_equal(notice.provenance->source->domain, "order");
	assert_int_equal(notice.provenance->source_seq, 3);
	assert_string_equal(notice.provenance->source_component, "fulfil");
	assert_int_equal(notice.provenance->command_index, 1);
	assert_string_equal(notice.rejection->rejected_command->cover->domain,
						"stock");
	assert_string_equal(notice.rejection->rejection_reason, "none left");
	assert_string_equal(notice.rejection->code, "OUT_OF_STOCK");
}

static void
a_rejection_goes_to_the_source_that_the_saga_names(void **state)
{
	static uint8_t bytes[AZ_UUID_SIZE] = {7};
	const MemoryOutbox *outbox = &world->memory->committed_outbox;
	PbCommandBook *command = reactions_command(reactions);
	PbAngzarrDeferredSequence deferred = PB_ANGZARR_DEFERRED_SEQUENCE_INIT;
	PbPageHeader header = PB_PAGE_HEADER_INIT;
	PbCover		cart = PB_COVER_INIT;
	PbUUID		root = PB_UUID_INIT;

	root.value.data = bytes;
	root.value.len = AZ_UUID_SIZE;
	cart.domain = (char *) "cart";
	cart.root = &root;
	deferred.source = &cart;
	deferred.source_seq = 8;
	header.sequence_type_case = PB_PAGE_HEADER_ANGZARR_DEFERRED;
	header.angzarr_deferred = &deferred;
	command->pages[0]->header = &header;
	reactions->stock_status = "9";
	reactions->stock_refusals = -1;
	reactions_answer(reactions, command, NULL);
	deliver_saga();
	assert_int_equal(outbox->count, 1);
	assert_string_equal(outbox->rows[0].target.domain, "cart");
	assert_memory_equal(outbox->rows[0].target.root, bytes, AZ_UUID_SIZE);
	assert_int_equal(recorded_notice(0).provenance->source_seq, 8);
}

static void
a_stale_command_that_a_person_decides_on_is_filed_once(void **state)
{
	PbCommandBook *command = reactions_command(reactions);
	PbPageHeader header = PB_PAGE_HEADER_INIT;
	Outcome		outcome;

	header.sequence_type_case = PB_PAGE_HEADER_SEQUENCE;
	header.sequence = 5;
	command->pages[0]->header = &header;
	command->pages[0]->merge_strategy = PB_MERGE_MANUAL;
	reactions_answer(reactions, command, NULL);
	outcome = deliver_saga();
	assert_settled(&outcome);
	assert_true(outcome.was_lettered);
	assert_int_equal(world->memory->kept.committed_letters, 1);
	assert_int_equal(reactions_letter(reactions, 0)->rejection_details_case,
					 PB_ANGZARR_DEAD_LETTER_SEQUENCE_MISMATCH);
	assert_int_equal(world->memory->committed_outbox.count, 0);
}

static void
a_fact_that_is_refused_is_a_dead_letter_of_the_event(void **state)
{
	PbAngzarrDeadLetter *letter;
	Outcome		outcome;

	reactions->fact_status = "9";
	reactions_answer_fact(reactions, reactions_fact(reactions));
	outcome = deliver_saga();
	assert_settled(&outcome);
	assert_true(outcome.was_lettered);
	assert_int_equal(world->memory->committed_outbox.count, 0);
	letter = reactions_letter(reactions, 0);
	assert_string_equal(letter->cover->domain, "order");
	assert_string_equal(letter->source_component, "fulfil");
	assert_string_equal(letter->source_component_type, "saga");
	assert_int_equal(letter->payload_case,
					 PB_ANGZARR_DEAD_LETTER_REJECTED_EVENTS);
	assert_int_equal(letter->rejected_events->pages[0]->header->sequence, 3);
	assert_string_equal(letter->event_processing_failed->error, "not a fact");
	assert_int_equal(letter->event_processing_failed->retry_count, 0);
	assert_false(letter->event_processing_failed->is_transient);
}

static void
after_a_rejected_command_the_next_one_runs(void **state)
{
	Outcome		outcome;

	reactions->stock_status = "9";
	reactions->stock_refusals = 1;
	reactions_answer(reactions, reactions_command(reactions),
					 reactions_command(reactions));
	outcome = deliver_saga();
	assert_settled(&outcome);
	assert_int_equal(reactions->stock_calls, 2);
	assert_int_equal(reactions_stored(reactions, &reactions->stock), 1);
}

static void
a_transient_failure_of_a_command_ends_at_its_stage(void **state)
{
	Outcome		outcome;

	reactions->stock_status = "14";
	reactions->stock_refusals = 1;
	reactions_answer(reactions, reactions_command(reactions),
					 reactions_command(reactions));
	outcome = deliver_saga();
	assert_int_equal(outcome.code, AZ_UNAVAILABLE);
	assert_string_equal(outcome.message, "none left");
	assert_int_equal(outcome.stage, 1);
	assert_int_equal(reactions->stock_calls, 1);
	outcome = reactions_deliver(reactions, "fulfil", 1, 2);
	assert_settled(&outcome);
	assert_int_equal(reactions->saga_calls, 1);
	assert_int_equal(reactions_stored(reactions, &reactions->stock), 2);
}

static void
a_command_whose_attempts_are_spent_is_a_dead_letter(void **state)
{
	PbAngzarrDeadLetter *letter;
	Outcome		outcome;

	reactions->stock_status = "14";
	reactions->stock_refusals = -1;
	reactions_answer(reactions, reactions_command(reactions), NULL);
	outcome = reactions_deliver(reactions, "fulfil", 1, 2);
	assert_int_equal(outcome.code, AZ_UNAVAILABLE);
	outcome = reactions_deliver(reactions, "fulfil", 1, 3);
	assert_settled(&outcome);
	assert_true(outcome.was_lettered);
	letter = reactions_letter(reactions, 0);
	assert_int_equal(letter->payload_case,
					 PB_ANGZARR_DEAD_LETTER_REJECTED_COMMAND);
	assert_int_equal(letter->event_processing_failed->retry_count, 3);
	assert_true(letter->event_processing_failed->is_transient);
	assert_int_equal(world->memory->committed_outbox.count, 0);
	outcome = deliver_saga();
	assert_settled(&outcome);
	assert_int_equal(reactions->stock_calls, 2);
}

static void
attempts_of_another_stage_do_not_count(void **state)
{
	Outcome		outcome;

	reactions->stock_status = "14";
	reactions->stock_refusals = -1;
	reactions_answer(reactions, reactions_command(reactions), NULL);
	outcome = reactions_deliver(reactions, "fulfil", 0, 3);
	assert_int_equal(outcome.code, AZ_UNAVAILABLE);
	assert_int_equal(outcome.stage, 1);
}

static void
what_cannot_be_settled_is_tried_again(void **state)
{
	Outcome		outcome;

	reactions->stock_status = "9";
	reactions->stock_refusals = -1;
	reactions_answer(reactions, reactions_command(reactions), NULL);
	fail_always(AZ_STATEMENT_SETTLE_KEYS);
	outcome = deliver_saga();
	assert_int_equal(outcome.code, AZ_RESOURCE_EXHAUSTED);
	assert_int_equal(outcome.stage, 1);
	assert_int_equal(world->memory->committed_outbox.count, 0);
	world->memory->before = NULL;
	outcome = deliver_saga();
	assert_settled(&outcome);
	assert_int_equal(world->memory->committed_outbox.count, 1);
	assert_int_equal(reactions_keys(reactions, "settled"), 1);
}

static void
a_chain_of_causes_that_is_too_long_ends_in_dead_letters(void **state)
{
	PbAngzarrDeadLetter *letter;
	Outcome		outcome;

	reactions->event.depth = world->settings.jobs.max_causation_depth;
	reactions_answer(reactions, reactions_command(reactions), NULL);
	reactions_answer_fact(reactions, reactions_fact(reactions));
	outcome = deliver_saga();
	assert_settled(&outcome);
	assert_int_equal(reactions->stock_calls, 0);
	assert_int_equal(reactions_stored(reactions, &reactions->stock), 0);
	letter = reactions_letter(reactions, 0);
	assert_non_null(letter->rejected_command);
	assert_non_null(strstr(letter->rejection_reason,
						   "angzarr.max_causation_depth"));
	letter = reactions_letter(reactions, 1);
	assert_int_equal(letter->payload_case,
					 PB_ANGZARR_DEAD_LETTER_REJECTED_EVENTS);
}

static void
the_deepest_command_that_is_allowed_runs(void **state)
{
	reactions->event.depth = world->settings.jobs.max_causation_depth - 1;
	reactions_answer(reactions, reactions_command(reactions), NULL);
	deliver_saga();
	assert_int_equal(reactions_stored(reactions, &reactions->stock), 1);
}

/* ---- handlers that fail ---- */

static void
a_permanent_failure_of_the_handler_is_a_dead_letter_at_once(void **state)
{
	PbAngzarrDeadLetter *letter;
	Outcome		outcome;

	reactions->saga_status = "9";
	outcome = deliver_saga();
	assert_settled(&outcome);
	assert_true(outcome.was_lettered);
	letter = reactions_letter(reactions, 0);
	assert_string_equal(letter->cover->domain, "order");
	assert_int_equal(letter->payload_case,
					 PB_ANGZARR_DEAD_LETTER_REJECTED_EVENTS);
	assert_int_equal(letter->rejected_events->pages[0]->header->sequence, 3);
	assert_string_equal(letter->event_processing_failed->error,
						"saga says no");
	assert_int_equal(letter->event_processing_failed->retry_count, 0);
	assert_string_equal(letter->source_component, "fulfil");
	assert_int_equal(reactions_keys(reactions, "reaction"), 0);
}

static void
a_transient_failure_of_the_handler_is_one_until_attempts_are_spent(void **state)
{
	PbAngzarrDeadLetter *letter;
	Outcome		outcome;

	reactions->saga_status = "13";
	outcome = deliver_saga();
	assert_int_equal(outcome.code, AZ_INTERNAL);
	assert_int_equal(outcome.stage, 0);
	outcome = reactions_deliver(reactions, "fulfil", 0, 3);
	assert_settled(&outcome);
	letter = reactions_letter(reactions, 0);
	assert_int_equal(letter->event_processing_failed->retry_count, 3);
	assert_true(letter->event_processing_failed->is_transient);
}

static void
nothing_is_executed_of_an_answer_for_an_unknown_domain(void **state)
{
	PbCommandBook *lost = reactions_command(reactions);
	PbAngzarrDeadLetter *letter;
	Outcome		outcome;

	lost->cover->domain = (char *) "nowhere";
	reactions_answer(reactions, reactions_command(reactions), lost);
	outcome = deliver_saga();
	assert_settled(&outcome);
	assert_int_equal(reactions->stock_calls, 0);
	letter = reactions_letter(reactions, 0);
	assert_string_equal(letter->cover->domain, "order");
	assert_non_null(strstr(letter->rejection_reason, "\"nowhere\""));
	assert_false(letter->event_processing_failed->is_transient);
	assert_int_equal(letter->event_processing_failed->retry_count, 0);
}

static void
a_command_that_is_not_valid_is_the_handlers_failure(void **state)
{
	PbCommandBook *command = reactions_command(reactions);
	PbAngzarrDeadLetter *letter;
	Outcome		outcome;

	command->cover = NULL;
	reactions_answer(reactions, command, NULL);
	outcome = deliver_saga();
	assert_settled(&outcome);
	letter = reactions_letter(reactions, 0);
	assert_non_null(strstr(letter->rejection_reason,
						   "saga \"fulfil\" answered command 1 of 1, which is not valid: command.cover"));
}

static void
a_payload_that_is_kept_elsewhere_cannot_be_had(void **state)
{
	PbPayloadReference reference = PB_PAYLOAD_REFERENCE_INIT;
	PbAngzarrDeadLetter *letter;
	Outcome		outcome;

	reference.uri = (char *) "s3://bucket/1";
	assert_true(az_encode(&reference, world->arena,
						  &reactions->event.external, NULL));
	reactions->event.payload = (AzBytes)
	{
		NULL, 0
	};
	reactions->event.type_url = "";
	outcome = deliver_saga();
	assert_settled(&outcome);
	assert_int_equal(reactions->saga_calls, 0);
	letter = reactions_letter(reactions, 0);
	assert_int_equal(letter->rejection_details_case,
					 PB_ANGZARR_DEAD_LETTER_PAYLOAD_RETRIEVAL_FAILED);
	assert_string_equal(letter->payload_retrieval_failed->uri,
						"s3://bucket/1");
}

static void
a_letter_that_cannot_be_filed_keeps_the_event(void **state)
{
	Outcome		outcome;

	reactions->saga_status = "9";
	fail_always(AZ_STATEMENT_FILE_DEAD_LETTERS);
	outcome = deliver_saga();
	assert_int_equal(outcome.code, AZ_RESOURCE_EXHAUSTED);
	world->memory->before = NULL;
	outcome = deliver_saga();
	assert_settled(&outcome);
	assert_int_equal(world->memory->kept.committed_letters, 1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_saga_is_handed_the_event_and_how_it_is_called),
		TEST(two_commands_to_one_aggregate_are_two_commands),
		TEST(an_event_that_was_handled_is_not_handed_over_again),
		TEST(an_answer_without_anything_is_remembered_too),
		TEST(after_a_crash_the_recorded_commands_run_once),
		TEST(a_command_that_expects_a_sequence_runs_once_as_well),
		TEST(a_stale_sequence_cannot_go_back_and_is_a_dead_letter),
		TEST(facts_are_recorded_after_the_commands),
		TEST(the_edition_of_the_event_is_that_of_all_that_comes_of_it),
		TEST(a_command_whose_payload_is_kept_elsewhere_is_passed_on_as_it_is),
		TEST(a_fact_whose_payload_is_kept_elsewhere_is_stored_as_it_is),
		TEST(a_saga_is_handed_the_event_as_the_upcaster_makes_it),
		TEST(an_event_that_cannot_be_upcast_is_tried_again),
		TEST(a_process_is_handed_its_state_as_the_upcaster_makes_it),
		TEST(a_rejected_command_goes_back_by_the_outbox_and_is_not_run_again),
		TEST(a_rejection_says_which_command_and_why_to_where_it_comes_from),
		TEST(a_rejection_goes_to_the_source_that_the_saga_names),
		TEST(a_stale_command_that_a_person_decides_on_is_filed_once),
		TEST(a_fact_that_is_refused_is_a_dead_letter_of_the_event),
		TEST(after_a_rejected_command_the_next_one_runs),
		TEST(a_transient_failure_of_a_command_ends_at_its_stage),
		TEST(a_command_whose_attempts_are_spent_is_a_dead_letter),
		TEST(attempts_of_another_stage_do_not_count),
		TEST(what_cannot_be_settled_is_tried_again),
		TEST(a_chain_of_causes_that_is_too_long_ends_in_dead_letters),
		TEST(the_deepest_command_that_is_allowed_runs),
		TEST(a_permanent_failure_of_the_handler_is_a_dead_letter_at_once),
		TEST(a_transient_failure_of_the_handler_is_one_until_attempts_are_spent),
		TEST(nothing_is_executed_of_an_answer_for_an_unknown_domain),
		TEST(a_command_that_is_not_valid_is_the_handlers_failure),
		TEST(a_payload_that_is_kept_elsewhere_cannot_be_had),
		TEST(a_letter_that_cannot_be_filed_keeps_the_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
