/* Who follows the log. */
#include "pipeline/readers.h"

#include <utlist.h>

void
az_readers_add(AzReaders *readers, AzReader *reader)
{
	if (reader->follows)
		return;
	reader->follows = true;
	DL_APPEND2(readers->first, reader, previous, next);
	az_readers_ask(readers);
}

void
az_readers_remove(AzReaders *readers, AzReader *reader)
{
	if (!reader->follows)
		return;
	reader->follows = false;
	DL_DELETE2(readers->first, reader, previous, next);
}

void
az_readers_ask(AzReaders *readers)
{
	readers->asked = true;
}

bool
az_readers_only_correlated(const AzReaders *readers)
{
	const AzReader *reader;

	DL_FOREACH2(readers->first, reader, next)
		if (!reader->only_correlated && !reader->only_horizon)
		return false;
	return true;
}

bool
az_readers_only_horizon(const AzReaders *readers)
{
	const AzReader *reader;

	DL_FOREACH2(readers->first, reader, next)
		if (!reader->only_horizon)
		return false;
	return true;
}

void
az_readers_tell(AzReaders *readers, const AzLogBatch *batch)
{
	AzReader   *reader;
	AzReader   *next;

	DL_FOREACH_SAFE2(readers->first, reader, next, next)
		reader->take(reader, batch);
}
