/* Test builds only: the list of every step that the engine can die after. */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "pg/compat.h"
#include "pipeline/job.h"

#ifdef AZ_CRASH_POINTS

PGDLLEXPORT PG_FUNCTION_INFO_V1(angzarr_steps);

/* angzarr_steps() -> setof text: "pipeline/step", from the tables. */
Datum
angzarr_steps(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	for (const AzPipeline *const *pipeline = az_pipelines; *pipeline != NULL;
		 pipeline++)
		for (const AzStep *step = (*pipeline)->steps; step->name != NULL;
			 step++)
		{
			char	   *name = psprintf("%s/%s", (*pipeline)->name,
										step->name);
			Datum		value = CStringGetTextDatum(name);
			bool		is_null = false;

			tuplestore_putvalues(result->setResult, result->setDesc, &value,
								 &is_null);
		}
	return (Datum) 0;
}

#endif
