/* What a query asks for, in the engine's own words. */
#include "pipeline/selection.h"

#include <stdlib.h>
#include <string.h>

#include "codec/book.h"

static bool read_divergences(const PbCover *cover, AzSelection *selection,
							 AzArena *arena);
static int	compare_domains(const void *left, const void *right);
static int	compare_places(const void *left, const void *right);
static void read_range(const PbSequenceRange *range, AzSelection *selection);
static bool read_sequences(const PbSequenceSet *set, AzSelection *selection,
						   AzArena *arena);
static void read_point(const PbTemporalQuery *point, AzSelection *selection);
static int	compare(const void *left, const void *right);

bool
az_selection_read(const PbQuery *query, AzSelection *selection, AzArena *arena,
				  AzError *error)
{
	const PbCover *cover = query->cover;
	bool		done = true;

	az_cover_read(cover, &selection->aggregate);
	selection->has_root = cover->root != NULL;
	selection->correlation_id = cover->correlation_id;
	selection->use_snapshot = cover->correlation_id[0] == '\0';
	selection->upper = AZ_EVERY_SEQUENCE;
	if (query->selection_case == PB_QUERY_RANGE)
		read_range(query->range, selection);
	else if (query->selection_case == PB_QUERY_SEQUENCES)
		done = read_sequences(query->sequences, selection, arena);
	else if (query->selection_case == PB_QUERY_TEMPORAL)
		read_point(query->temporal, selection);
	if (done && read_divergences(cover, selection, arena))
		return true;
	return az_error_out_of_memory(error);
}

bool
az_selection_is_plain(const PbQuery *query)
{
	return query->cover == NULL ||
		(query->cover->correlation_id[0] == '\0' &&
		 query->selection_case != PB_QUERY_SEQUENCES);
}

void
az_selection_load(const AzSelection *selection, AzLoadWish *load)
{
	load->aggregate = selection->aggregate;
	load->use_snapshot = selection->use_snapshot;
	load->lower = selection->lower;
	load->upper = selection->upper;
	load->has_as_of = selection->has_as_of;
	load->as_of_us = selection->as_of_us;
}

void
az_selection_load_point(const PbTemporalQuery *point, AzLoadWish *load)
{
	AzSelection selection = {
		.aggregate = load->aggregate,
		.use_snapshot = true,
		.upper = AZ_EVERY_SEQUENCE
	};

	if (point != NULL)
		read_point(point, &selection);
	az_selection_load(&selection, load);
}

const AzDivergence *
az_selection_divergence(const AzSelection *selection, const char *domain)
{
	const AzDivergence wanted = {.domain = domain};

	if (selection->n_divergences == 0)
		return NULL;
	return bsearch(&wanted, selection->divergences, selection->n_divergences,
				   sizeof(AzDivergence), compare_domains);
}

static int
compare_domains(const void *left, const void *right)
{
	return strcmp(((const AzDivergence *) left)->domain,
				  ((const AzDivergence *) right)->domain);
}

/*
 * By domain, each once; of two for one domain the first one counts.  Main has
 * none.  A cover may hold as many as its message has room for.
 */
static bool
read_divergences(const PbCover *cover, AzSelection *selection, AzArena *arena)
{
	size_t		count = selection->aggregate.edition[0] == '\0' ? 0 :
	cover->edition->n_divergences;
	AzDivergence *divergences = az_arena_array(arena, count + 1,
											   sizeof(AzDivergence));
	PbDomainDivergence ***places = az_arena_array(arena, count + 1,
												  sizeof(*places));

	if (divergences == NULL || places == NULL)
		return false;
	for (size_t i = 0; i < count; i++)
		places[i] = &cover->edition->divergences[i];
	qsort(places, count, sizeof(*places), compare_places);
	for (size_t i = 0; i < count; i++)
	{
		const PbDomainDivergence *said = *places[i];
		AzDivergence *next = &divergences[selection->n_divergences];

		if (next > divergences && strcmp(next[-1].domain, said->domain) == 0)
			continue;
		next->domain = said->domain;
		next->sequence = said->sequence;
		selection->n_divergences++;
	}
	selection->divergences = divergences;
	return true;
}

/* By domain; of one domain by where the cover has it. */
static int
compare_places(const void *left, const void *right)
{
	PbDomainDivergence **a = *(PbDomainDivergence **const *) left;
	PbDomainDivergence **b = *(PbDomainDivergence **const *) right;
	int			order = strcmp((*a)->domain, (*b)->domain);

	return order != 0 ? order : (a > b) - (a < b);
}

static void
read_range(const PbSequenceRange *range, AzSelection *selection)
{
	selection->use_snapshot = false;
	selection->lower = range->lower;
	if (range->_upper_case != 0)
		selection->upper = range->upper;
}

/* Rising, each once; an empty set asks for no page. */
static bool
read_sequences(const PbSequenceSet *set, AzSelection *selection,
			   AzArena *arena)
{
	int64_t    *sequences = az_arena_array(arena, set->n_values + 1,
										   sizeof(int64_t));
	size_t		count = 0;

	if (sequences == NULL)
		return false;
	selection->use_snapshot = false;
	if (set->n_values == 0)
		selection->upper = -1;
	for (size_t i = 0; i < set->n_values; i++)
		sequences[i] = set->values[i];
	qsort(sequences, set->n_values, sizeof(int64_t), compare);
	for (size_t i = 0; i < set->n_values; i++)
		if (count == 0 || sequences[count - 1] != sequences[i])
			sequences[count++] = sequences[i];
	selection->sequences = sequences;
	selection->n_sequences = count;
	return true;
}

static void
read_point(const PbTemporalQuery *point, AzSelection *selection)
{
	selection->has_as_of =
		point->point_in_time_case == PB_TEMPORAL_QUERY_AS_OF_TIME;
	if (selection->has_as_of)
		selection->as_of_us = az_timestamp_us(point->as_of_time);
	else
		selection->upper = point->as_of_sequence;
}

static int
compare(const void *left, const void *right)
{
	int64_t		a = *(const int64_t *) left;
	int64_t		b = *(const int64_t *) right;

	return (a > b) - (a < b);
}
