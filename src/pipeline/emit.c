/* What a saga or a process manager emits. */
#include "pipeline/emit.h"

#include <string.h>

#include "pipeline/provenance.h"

/* One of them, as both kinds have it. */
typedef struct Emitted
{
	const AzEmission *emission;
	const char *what;			/* "command", "fact" */
	size_t		index;
	size_t		count;
	PbCover    *cover;			/* or NULL */
} Emitted;

static bool stamp_command(const AzEmission *emission, size_t i,
						  const AzJobs *jobs, AzArena *arena, AzError *error);
static bool stamp_fact(const AzEmission *emission, size_t i,
					   const AzJobs *jobs, AzArena *arena, AzError *error);
static void stamp_cover(const Emitted *emitted);
static bool stamp_header(const Emitted *emitted, PbPageHeader **header,
						 bool keeps_sequence, AzArena *arena, AzError *error);
static bool check_key(const Emitted *emitted, const PbPageHeader *header,
					  AzArena *arena, AzError *error);
static bool check_domain(const Emitted *emitted, const AzJobs *jobs,
						 AzArena *arena, AzError *error);
static bool blame(const Emitted *emitted, const AzError *found,
				  AzArena *arena, AzError *error);

const char *
az_emit_kind(const AzComponent *component)
{
	return az_component_is_process(component) ?
		"process manager" : component->kind;
}

bool
az_emit_stamp(const AzEmission *emission, const AzJobs *jobs, AzArena *arena,
			  AzError *error)
{
	for (size_t i = 0; i < emission->n_commands; i++)
		if (!stamp_command(emission, i, jobs, arena, error))
			return false;
	for (size_t i = 0; i < emission->n_facts; i++)
		if (!stamp_fact(emission, i, jobs, arena, error))
			return false;
	return true;
}

PbAngzarrDeferredSequence *
az_emit_provenance(const AzEmission *emission, size_t index, AzArena *arena)
{
	PbAngzarrDeferredSequence *deferred = az_arena_alloc(arena,
														 sizeof(*deferred));

	if (deferred == NULL)
		return NULL;
	pb_angzarr_deferred_sequence_init(deferred);
	deferred->source = emission->source;
	deferred->source_seq = (uint32_t) emission->trigger->events[0].sequence;
	deferred->source_component = (char *) emission->component->name;
	deferred->command_index = (uint32_t) index;
	if (emission->handback != NULL)
	{
		deferred->source = emission->handback->provenance->source;
		deferred->source_seq = emission->handback->provenance->source_seq;
		deferred->command_index += emission->handback->first_index;
	}
	return deferred;
}

bool
az_emit_origin(const AzEmission *emission, size_t effect, AzOrigin *origin,
			   AzArena *arena, AzError *error)
{
	bool		is_fact = effect >= emission->n_commands;
	PbAngzarrDeferredSequence *deferred =
	az_emit_provenance(emission,
					   is_fact ? effect - emission->n_commands : effect,
					   arena);

	if (deferred == NULL)
		return az_error_out_of_memory(error);
	origin->cause = az_provenance_cause(deferred, arena);
	origin->depth = emission->trigger->events[0].depth + 1;
	origin->above = NULL;
	if (origin->cause == NULL)
		return az_error_out_of_memory(error);
	return az_provenance_key(deferred, is_fact ? "fact" : "command", "trigger",
							 &origin->key, arena, error);
}

static bool
stamp_command(const AzEmission *emission, size_t i, const AzJobs *jobs,
			  AzArena *arena, AzError *error)
{
	PbCommandBook *book = emission->commands[i];
	const Emitted emitted = {
		emission, "command", i, emission->n_commands, book->cover
	};
	PbCommandRequest request = PB_COMMAND_REQUEST_INIT;
	AzError		found = {0};

	stamp_cover(&emitted);
	for (size_t page = 0; page < book->n_pages; page++)
		if (!stamp_header(&emitted, &book->pages[page]->header, true, arena,
						  error))
			return false;
	request.command = book;
	if (!az_validate_command(&request, &jobs->settings.validation, arena,
							 &found))
		return blame(&emitted, &found, arena, error);
	return check_key(&emitted, book->pages[0]->header, arena, error) &&
		check_domain(&emitted, jobs, arena, error);
}

/* Where a fact stands is not for who emits it to say. */
static bool
stamp_fact(const AzEmission *emission, size_t i, const AzJobs *jobs,
		   AzArena *arena, AzError *error)
{
	PbEventBook *book = emission->facts[i];
	const Emitted emitted = {
		emission, "fact", i, emission->n_facts, book->cover
	};
	PbEventRequest request = PB_EVENT_REQUEST_INIT;
	AzError		found = {0};

	stamp_cover(&emitted);
	for (size_t page = 0; page < book->n_pages; page++)
		if (!stamp_header(&emitted, &book->pages[page]->header, false, arena,
						  error))
			return false;
	request.events = book;
	if (!az_validate_fact(&request, &jobs->settings.validation, arena, &found))
		return blame(&emitted, &found, arena, error);
	return check_key(&emitted, book->pages[0]->header, arena, error) &&
		check_domain(&emitted, jobs, arena, error);
}

static void
stamp_cover(const Emitted *emitted)
{
	const PbCover *source = emitted->emission->source;
	PbCover    *cover = emitted->cover;

	if (cover == NULL)
		return;
	cover->edition = source->edition;
	if (cover->correlation_id[0] == '\0')
		cover->correlation_id = source->correlation_id;
}

/* Its sync mode stays, and where it comes from if the handler said so. */
static bool
stamp_header(const Emitted *emitted, PbPageHeader **header,
			 bool keeps_sequence, AzArena *arena, AzError *error)
{
	const AzEmission *emission = emitted->emission;
	PbPageHeader *made = *header;
	PbAngzarrDeferredSequence *deferred;

	if (made != NULL && keeps_sequence &&
		made->sequence_type_case == PB_PAGE_HEADER_SEQUENCE)
		return true;
	deferred = az_emit_provenance(emission, emitted->index, arena);
	if (made == NULL)
		made = az_arena_alloc(arena, sizeof(PbPageHeader));
	if (deferred == NULL || made == NULL)
		return az_error_out_of_memory(error);
	if (*header == NULL)
		pb_page_header_init(made);
	if (made->sequence_type_case == PB_PAGE_HEADER_ANGZARR_DEFERRED &&
		made->angzarr_deferred->source != NULL)
	{
		deferred->source = made->angzarr_deferred->source;
		deferred->source_seq = made->angzarr_deferred->source_seq;
	}
	made->sequence_type_case = PB_PAGE_HEADER_ANGZARR_DEFERRED;
	made->angzarr_deferred = deferred;
	*header = made;
	return true;
}

/* A source that the handler set may be no whole cover. */
static bool
check_key(const Emitted *emitted, const PbPageHeader *header, AzArena *arena,
		  AzError *error)
{
	AzError		found = {0};
	AzKey		key;

	return header->sequence_type_case != PB_PAGE_HEADER_ANGZARR_DEFERRED ||
		az_provenance_key(header->angzarr_deferred, emitted->what,
						  "pages[0].header.angzarr_deferred", &key, arena,
						  &found) ||
		blame(emitted, &found, arena, error);
}

static bool
check_domain(const Emitted *emitted, const AzJobs *jobs, AzArena *arena,
			 AzError *error)
{
	const AzComponent *component = emitted->emission->component;

	if (az_catalog_aggregate(jobs->catalog, emitted->cover->domain) != NULL)
		return true;
	az_error_set(error, arena, AZ_NOT_FOUND,
				 "%s \"%s\" answered a %s for domain \"%s\", for which no aggregate is registered",
				 az_emit_kind(component), component->name, emitted->what,
				 emitted->cover->domain);
	memcpy(error->sqlstate, AZ_SQLSTATE_UNKNOWN_COMPONENT, 6);
	return false;
}

/* INTERNAL: nobody but the component is at fault. */
static bool
blame(const Emitted *emitted, const AzError *found, AzArena *arena,
	  AzError *error)
{
	const AzComponent *component = emitted->emission->component;

	if (found->code == AZ_RESOURCE_EXHAUSTED)
	{
		*error = *found;
		return false;
	}
	return az_error_set(error, arena, AZ_INTERNAL,
						"%s \"%s\" answered %s %zu of %zu, which is not valid: %s",
						az_emit_kind(component), component->name,
						emitted->what, emitted->index + 1, emitted->count,
						found->message);
}
