/* Doubly linked lists whose links are embedded in what they hold. */
#include "net/list.h"

static void
put_between(AzLink *link, AzLink *previous, AzLink *next)
{
	AzList	   *list = link->list;

	link->previous = previous;
	link->next = next;
	if (previous != NULL)
		previous->next = link;
	else
		list->first = link;
	if (next != NULL)
		next->previous = link;
	else
		list->last = link;
	list->count++;
}

void
az_list_append(AzList *list, AzLink *link, void *owner)
{
	link->list = list;
	link->owner = owner;
	put_between(link, list->last, NULL);
}

void
az_list_prepend(AzList *list, AzLink *link, void *owner)
{
	link->list = list;
	link->owner = owner;
	put_between(link, NULL, list->first);
}

void
az_list_remove(AzLink *link)
{
	AzList	   *list = link->list;

	if (list == NULL)
		return;
	if (link->previous != NULL)
		link->previous->next = link->next;
	else
		list->first = link->next;
	if (link->next != NULL)
		link->next->previous = link->previous;
	else
		list->last = link->previous;
	list->count--;
	link->previous = NULL;
	link->next = NULL;
	link->list = NULL;
}

void *
az_list_first(const AzList *list)
{
	return list->first == NULL ? NULL : list->first->owner;
}

void *
az_list_next(const AzLink *link)
{
	return link->next == NULL ? NULL : link->next->owner;
}
