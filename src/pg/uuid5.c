/* What SQL calls: a uuid made from a name, the same one every time. */
#include "postgres.h"

#include "common/cryptohash.h"
#include "common/sha1.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/uuid.h"

#include "pg/compat.h"

PGDLLEXPORT PG_FUNCTION_INFO_V1(angzarr_uuid5);

static void digest_name(const pg_uuid_t *name_space, const uint8 *name,
						size_t length, uint8 digest[SHA1_DIGEST_LENGTH]);

/* RFC 4122, version 5: the SHA-1 of the namespace and the name, cut. */
Datum
angzarr_uuid5(PG_FUNCTION_ARGS)
{
	pg_uuid_t  *uuid = palloc(sizeof(pg_uuid_t));
	struct varlena *name = PG_GETARG_VARLENA_PP(1);
	uint8		digest[SHA1_DIGEST_LENGTH];

	digest_name(PG_GETARG_UUID_P(0), (const uint8 *) VARDATA_ANY(name),
				VARSIZE_ANY_EXHDR(name), digest);
	memcpy(uuid->data, digest, UUID_LEN);
	uuid->data[6] = (uuid->data[6] & 0x0f) | 0x50;	/* version */
	uuid->data[8] = (uuid->data[8] & 0x3f) | 0x80;	/* variant */
	PG_RETURN_UUID_P(uuid);
}

static void
digest_name(const pg_uuid_t *name_space, const uint8 *name,
			size_t length, uint8 digest[SHA1_DIGEST_LENGTH])
{
	pg_cryptohash_ctx *context = pg_cryptohash_create(PG_SHA1);

	if (pg_cryptohash_init(context) < 0 ||
		pg_cryptohash_update(context, name_space->data, UUID_LEN) < 0 ||
		pg_cryptohash_update(context, name, length) < 0 ||
		pg_cryptohash_final(context, digest, SHA1_DIGEST_LENGTH) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not compute SHA-1: %s",
						pg_cryptohash_error(context))));
	pg_cryptohash_free(context);
}
