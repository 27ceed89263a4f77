/* Doubly linked lists whose links are embedded in what they hold. */
#ifndef AZ_NET_LIST_H
#define AZ_NET_LIST_H

#include <stddef.h>

typedef struct AzList AzList;

/* All zeros: in no list. */
typedef struct AzLink
{
	struct AzLink *previous;
	struct AzLink *next;
	AzList	   *list;			/* NULL = in none */
	void	   *owner;			/* what holds the link */
} AzLink;

/* All zeros: empty. */
struct AzList
{
	AzLink	   *first;
	AzLink	   *last;
	size_t		count;
};

/* "link" must be in no list. */
extern void az_list_append(AzList *list, AzLink *link, void *owner);
extern void az_list_prepend(AzList *list, AzLink *link, void *owner);

/* Takes the link out of whatever list it is in, if any. */
extern void az_list_remove(AzLink *link);

/* The owner of the first link, or NULL. */
extern void *az_list_first(const AzList *list);

/* The owner of the link after that one, or NULL. */
extern void *az_list_next(const AzLink *link);

#endif
