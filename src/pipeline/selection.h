/* What a query asks for, in the engine's own words: contract section 9. */
#ifndef AZ_PIPELINE_SELECTION_H
#define AZ_PIPELINE_SELECTION_H

#include "base/error.h"
#include "codec/messages.h"
#include "store/load.h"
#include "store/read.h"

/*
 * Reads a validated query; texts are borrowed from it.  False when memory is
 * out.
 */
extern bool az_selection_read(const PbQuery *query, AzSelection *selection,
							  AzArena *arena, AzError *error);

/* What the cover says of that domain; NULL: nothing. */
extern const AzDivergence *az_selection_divergence(const AzSelection *selection,
												   const char *domain);

/* Whether one load answers it: pages of one aggregate, one after the other. */
extern bool az_selection_is_plain(const PbQuery *query);

/* The same as a load, for a plain one.  The limit of bytes is the caller's. */
extern void az_selection_load(const AzSelection *selection, AzLoadWish *load);

/*
 * The aggregate as it was at a validated point (NULL: as it is now): sets all
 * of the load but its aggregate and its limit of bytes.
 */
extern void az_selection_load_point(const PbTemporalQuery *point,
									AzLoadWish *load);

#endif
