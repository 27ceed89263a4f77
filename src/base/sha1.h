/* SHA-1 (FIPS 180-4): for names made of names, not for secrets. */
#ifndef AZ_BASE_SHA1_H
#define AZ_BASE_SHA1_H

#include "base/bytes.h"

#define AZ_SHA1_SIZE 20
#define AZ_SHA1_BLOCK 64

/* All its own; begin with az_sha1_init. */
typedef struct AzSha1
{
	uint32_t	state[5];
	uint64_t	len;			/* bytes so far */
	uint8_t		block[AZ_SHA1_BLOCK];
} AzSha1;

extern void az_sha1_init(AzSha1 *sha1);
extern void az_sha1_update(AzSha1 *sha1, AzBytes bytes);

/* The digest of all that came; afterwards only az_sha1_init is of use. */
extern void az_sha1_final(AzSha1 *sha1, uint8_t digest[AZ_SHA1_SIZE]);

#endif
