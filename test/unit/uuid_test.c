/* Tests of roots made out of texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "codec/book.h"
#include "codec/uuid.h"

#define CANONICAL "6ba7b811-9dad-11d1-80b4-00c04fd430c8"

static const char *
text_of(const uint8_t uuid[AZ_UUID_SIZE])
{
	static char text[AZ_UUID_TEXT_SIZE];

	az_uuid_text(uuid, text);
	return text;
}

static void
a_uuid_is_read_in_every_textual_form(void **state)
{
	static const char *const forms[] = {
		CANONICAL, "6BA7B811-9DAD-11D1-80B4-00C04FD430C8",
		"6ba7b8119dad11d180b400c04fd430c8",
		"6ba7-b811-9dad-11d1-80b4-00c0-4fd4-30c8"
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
	{
		uint8_t		uuid[AZ_UUID_SIZE] = {0};

		assert_true(az_uuid_parse(forms[i], uuid));
		assert_string_equal(text_of(uuid), CANONICAL);
	}
}

static void
what_is_nearly_a_uuid_is_none(void **state)
{
	static const char *const texts[] = {
		"", "order-77", "6ba7b8119dad11d180b400c04fd430c",
		"6ba7b8119dad11d180b400c04fd430c81", CANONICAL "-",
		"-" CANONICAL, "6ba7b811--9dad-11d1-80b4-00c04fd430c8",
		"6ba7b81-19dad-11d1-80b4-00c04fd430c8",
		"6ba7b811-9dad-11d1-80b4-00c04fd430cg"
	};
	uint8_t		uuid[AZ_UUID_SIZE];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(az_uuid_parse(texts[i], uuid));
}

static void
the_uuid_of_a_name_is_what_the_rfc_says(void **state)
{
	uint8_t		dns[AZ_UUID_SIZE];
	uint8_t		uuid[AZ_UUID_SIZE];

	assert_true(az_uuid_parse("6ba7b810-9dad-11d1-80b4-00c04fd430c8", dns));
	az_uuid_of_name(dns, az_bytes_of("www.example.com"), uuid);
	assert_string_equal(text_of(uuid), "2ed6657d-e927-568b-95e1-2665a8aea6a2");
}

static void
a_process_has_the_root_that_its_correlation_id_says(void **state)
{
	uint8_t		root[AZ_UUID_SIZE];

	az_uuid_of_process("6BA7B8119DAD11D180B400C04FD430C8", root);
	assert_string_equal(text_of(root), CANONICAL);
	az_uuid_of_process("order-77", root);
	assert_string_equal(text_of(root), "94fc095b-88b2-5d78-850c-0367a9c24777");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_uuid_is_read_in_every_textual_form),
		cmocka_unit_test(what_is_nearly_a_uuid_is_none),
		cmocka_unit_test(the_uuid_of_a_name_is_what_the_rfc_says),
		cmocka_unit_test(a_process_has_the_root_that_its_correlation_id_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
