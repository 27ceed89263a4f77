/* SHA-1 (FIPS 180-4), block by block. */
#include "base/sha1.h"

#include <string.h>

static void add_block(AzSha1 *sha1);
static void mix(uint32_t state[5], int round, uint32_t word);
static uint32_t rotate(uint32_t word, int bits);
static uint32_t big_endian(const uint8_t *bytes);

void
az_sha1_init(AzSha1 *sha1)
{
	static const uint32_t first[5] = {
		0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0
	};

	memcpy(sha1->state, first, sizeof(first));
	sha1->len = 0;
}

void
az_sha1_update(AzSha1 *sha1, AzBytes bytes)
{
	for (size_t i = 0; i < bytes.len; i++)
	{
		sha1->block[sha1->len++ % AZ_SHA1_BLOCK] = bytes.data[i];
		if (sha1->len % AZ_SHA1_BLOCK == 0)
			add_block(sha1);
	}
}

/* A one bit, zeros, and in the last eight bytes how many bits came. */
void
az_sha1_final(AzSha1 *sha1, uint8_t digest[AZ_SHA1_SIZE])
{
	uint64_t	bits = sha1->len * 8;
	uint8_t		padding[AZ_SHA1_BLOCK + 8] = {0x80};
	size_t		used = sha1->len % AZ_SHA1_BLOCK;
	size_t		zeros = (used < 56 ? 56 : 56 + AZ_SHA1_BLOCK) - used;
	AzBytes		end = {padding, zeros + 8};

	for (int i = 0; i < 8; i++)
		padding[zeros + (size_t) i] = (uint8_t) (bits >> (56 - 8 * i));
	az_sha1_update(sha1, end);
	for (int i = 0; i < AZ_SHA1_SIZE; i++)
		digest[i] = (uint8_t) (sha1->state[i / 4] >> (24 - 8 * (i % 4)));
}

static void
add_block(AzSha1 *sha1)
{
	uint32_t	words[80];
	uint32_t	state[5];

	for (int i = 0; i < 16; i++)
		words[i] = big_endian(&sha1->block[4 * i]);
	for (int i = 16; i < 80; i++)
		words[i] = rotate(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^
						  words[i - 16], 1);
	memcpy(state, sha1->state, sizeof(state));
	for (int i = 0; i < 80; i++)
		mix(state, i, words[i]);
	for (int i = 0; i < 5; i++)
		sha1->state[i] += state[i];
}

static void
mix(uint32_t state[5], int round, uint32_t word)
{
	static const uint32_t constants[4] = {
		0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6
	};
	uint32_t	b = state[1];
	uint32_t	c = state[2];
	uint32_t	d = state[3];
	uint32_t	chosen = round < 20 ? (b & c) | (~b & d)
	: round >= 40 && round < 60 ? (b & c) | (b & d) | (c & d)
	: b ^ c ^ d;
	uint32_t	first = rotate(state[0], 5) + chosen + state[4] +
	constants[round / 20] + word;

	state[4] = d;
	state[3] = c;
	state[2] = rotate(b, 30);
	state[1] = state[0];
	state[0] = first;
}

static uint32_t
rotate(uint32_t word, int bits)
{
	return (word << bits) | (word >> (32 - bits));
}

static uint32_t
big_endian(const uint8_t *bytes)
{
	return (uint32_t) bytes[0] << 24 | (uint32_t) bytes[1] << 16 |
		(uint32_t) bytes[2] << 8 | (uint32_t) bytes[3];
}
