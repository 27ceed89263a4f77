/* Tests of net/list.c: lists whose links are embedded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/list.h"

typedef struct Thing
{
	int			number;
	AzLink		link;
} Thing;

static void
check_order(const AzList *list, const char *expected)
{
	Thing	   *thing = az_list_first(list);
	size_t		count = 0;

	for (; thing != NULL; thing = az_list_next(&thing->link))
		assert_int_equal(thing->number, expected[count++] - '0');
	assert_int_equal(expected[count], '\0');
	assert_int_equal(list->count, count);
}

static void
things_come_in_the_order_they_were_put(void **state)
{
	AzList		list = {0};
	Thing		a = {1}, b = {2}, c = {3};

	check_order(&list, "");
	az_list_append(&list, &a.link, &a);
	az_list_append(&list, &b.link, &b);
	az_list_prepend(&list, &c.link, &c);
	check_order(&list, "312");
}

static void
any_thing_can_be_taken_out(void **state)
{
	AzList		list = {0};
	Thing		a = {1}, b = {2}, c = {3};

	az_list_append(&list, &a.link, &a);
	az_list_append(&list, &b.link, &b);
	az_list_append(&list, &c.link, &c);
	az_list_remove(&b.link);
	check_order(&list, "13");
	az_list_remove(&c.link);
	check_order(&list, "1");
	az_list_prepend(&list, &c.link, &c);
	az_list_remove(&c.link);
	az_list_remove(&a.link);
	check_order(&list, "");
	assert_null(list.first);
	assert_null(list.last);
}

static void
taking_out_what_is_in_no_list_changes_nothing(void **state)
{
	AzList		list = {0};
	Thing		a = {1}, b = {2};

	az_list_append(&list, &a.link, &a);
	az_list_remove(&b.link);
	check_order(&list, "1");
	az_list_remove(&a.link);
	az_list_remove(&a.link);
	check_order(&list, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(things_come_in_the_order_they_were_put),
		cmocka_unit_test(any_thing_can_be_taken_out),
		cmocka_unit_test(taking_out_what_is_in_no_list_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
