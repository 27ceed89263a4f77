/* Tests of the table of statements. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>

#include "db/statements.h"

static size_t
count_params(const char *types)
{
	size_t		count = 0;

	for (; *types != '\0'; types++)
		count += *types != '*' ? 1 : 0;
	return count;
}

static void
every_statement_has_name_text_and_types(void **state)
{
	for (int id = 0; id < AZ_STATEMENT_COUNT; id++)
	{
		const AzStatement *statement = az_statement((AzStatementId) id);

		assert_true(strlen(statement->name) > 0);
		assert_int_equal(strncmp(statement->sql, "SELECT ", 7), 0);
		assert_non_null(strstr(statement->sql, " FROM angzarr."));
		assert_true(strlen(statement->results) > 0);
		assert_int_equal(strspn(statement->results, "biItTBU"),
						 strlen(statement->results));
		assert_int_equal(strspn(statement->params, "biItTBU*"),
						 strlen(statement->params));
		for (int other = 0; other < id; other++)
			assert_string_not_equal(statement->name,
									az_statement((AzStatementId) other)->name);
	}
}

static void
every_parameter_is_in_the_text_and_has_a_type(void **state)
{
	for (int id = 0; id < AZ_STATEMENT_COUNT; id++)
	{
		const AzStatement *statement = az_statement((AzStatementId) id);
		size_t		count = count_params(statement->params);
		char		last[32];

		for (size_t i = 1; i <= count; i++)
		{
			snprintf(last, sizeof(last), "$%zu%c", i, i == count ? ')' : ',');
			assert_non_null(strstr(statement->sql, last));
		}
		snprintf(last, sizeof(last), "$%zu", count + 1);
		assert_null(strstr(statement->sql, last));
	}
}

static void
every_result_column_has_a_type(void **state)
{
	for (int id = 0; id < AZ_STATEMENT_COUNT; id++)
	{
		const AzStatement *statement = az_statement((AzStatementId) id);
		const char *from = strstr(statement->sql, " FROM ");
		size_t		columns = 1;

		for (const char *c = statement->sql; c < from; c++)
			columns += *c == ',' ? 1 : 0;
		assert_int_equal(columns, strlen(statement->results));
	}
}

static void
both_appends_take_and_answer_the_same(void **state)
{
	const AzStatement *probed = az_statement(AZ_STATEMENT_APPEND_PROBED);
	const AzStatement *plain = az_statement(AZ_STATEMENT_APPEND);

	assert_string_equal(probed->params, plain->params);
	assert_string_equal(probed->results, plain->results);
	assert_int_equal(count_params(plain->params), 18);
	assert_string_not_equal(probed->sql, plain->sql);
}

static void
an_unknown_number_is_no_statement(void **state)
{
	assert_null(az_statement(AZ_STATEMENT_COUNT));
	assert_null(az_statement((AzStatementId) -1));
}

#define TEST(f) cmocka_unit_test(f)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_statement_has_name_text_and_types),
		TEST(every_parameter_is_in_the_text_and_has_a_type),
		TEST(every_result_column_has_a_type),
		TEST(both_appends_take_and_answer_the_same),
		TEST(an_unknown_number_is_no_statement),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
