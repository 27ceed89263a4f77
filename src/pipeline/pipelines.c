/* The list of every pipeline there is. */
#include "pipeline/book_stream.h"
#include "pipeline/command.h"
#include "pipeline/compensation.h"
#include "pipeline/effect.h"
#include "pipeline/coordinate.h"
#include "pipeline/fact.h"
#include "pipeline/letter_replay.h"
#include "pipeline/letters.h"
#include "pipeline/meta.h"
#include "pipeline/obligation.h"
#include "pipeline/projection.h"
#include "pipeline/query.h"
#include "pipeline/reaction.h"
#include "pipeline/roots.h"
#include "pipeline/speculate.h"
#include "pipeline/turn.h"

const AzPipeline *const az_pipelines[] = {
	&az_command_pipeline,
	&az_fact_pipeline,
	&az_compensation_pipeline,
	&az_obligation_pipeline,
	&az_meta_pipeline,
	&az_query_pipeline,
	&az_book_stream_pipeline,
	&az_roots_pipeline,
	&az_speculate_pipeline,
	&az_projection_pipeline,
	&az_reaction_pipeline,
	&az_effect_pipeline,
	&az_turn_pipeline,
	&az_coordinate_pipeline,
	&az_letters_list_pipeline,
	&az_letters_get_pipeline,
	&az_letters_delete_pipeline,
	&az_letter_replay_pipeline,
	NULL
};
