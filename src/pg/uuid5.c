/* What SQL calls: a uuid made from a name, the same one every time. */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/uuid.h"

#include "codec/uuid.h"
#include "pg/compat.h"

PGDLLEXPORT PG_FUNCTION_INFO_V1(angzarr_uuid5);

Datum
angzarr_uuid5(PG_FUNCTION_ARGS)
{
	pg_uuid_t  *uuid = palloc(sizeof(pg_uuid_t));
	struct varlena *text = PG_GETARG_VARLENA_PP(1);
	AzBytes		name = {
		(const uint8_t *) VARDATA_ANY(text), VARSIZE_ANY_EXHDR(text)
	};

	az_uuid_of_name(PG_GETARG_UUID_P(0)->data, name, uuid->data);
	PG_RETURN_UUID_P(uuid);
}
