/* How far the log is settled, as each process knows it. */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "catalog/pg_class.h"
#include "commands/sequence.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "pg/horizon.h"
#include "pg/slots.h"

/* The last turn of this process; its holders are in TopMemoryContext. */
static Oid	known_sequence;
static int64 known_last;		/* of the sequence, at that turn */
static AzHorizon known;

static int64 last_position(Oid sequence);
static VirtualTransactionId *find_holders(Oid sequence, int *count);
static void take_holders(const VirtualTransactionId *vxids, int count,
						 int64 settled);
static int64 floor_of(VirtualTransactionId vxid, int64 unknown);

const AzHorizon *
az_horizon_turn(Oid sequence)
{
	int64		last;
	int64		settled;
	int			count;
	VirtualTransactionId *vxids;

	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("recovery is in progress"),
				 errhint("Ask the primary server.")));

	/* In this order: who is not found then draws above "last". */
	last = last_position(sequence);
	vxids = find_holders(sequence, &count);

	/* Another sequence, or one that was set back: nothing is known. */
	if (sequence != known_sequence || last < known_last)
	{
		known_sequence = sequence;
		known_last = 0;
		known.count = 0;
	}
	settled = Min(az_slots_horizon(sequence), last);
	take_holders(vxids, count, settled);
	pfree(vxids);
	known_last = last;

	known.position = last;
	for (int i = 0; i < known.count; i++)
		known.position = Min(known.position, known.holders[i].floor);
	return &known;
}

void
az_horizon_flush(void)
{
	XLogRecPtr	end = GetXLogInsertRecPtr();

	/* At the head of a page nothing is written yet: the end is before it. */
	if (XLogSegmentOffset(end, wal_segment_size) == SizeOfXLogLongPHD)
		end -= SizeOfXLogLongPHD;
	else if (end % XLOG_BLCKSZ == SizeOfXLogShortPHD)
		end -= SizeOfXLogShortPHD;
	XLogFlush(end);
}

/* The highest that was ever drawn, or 0; without the lock of who draws. */
static int64
last_position(Oid sequence)
{
	Relation	relation = relation_open(sequence, AccessShareLock);
	Buffer		buffer;
	Page		page;
	HeapTupleHeader row;
	Form_pg_sequence_data data;
	int64		last;

	if (relation->rd_rel->relkind != RELKIND_SEQUENCE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a sequence",
						RelationGetRelationName(relation))));
	buffer = ReadBuffer(relation, 0);
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	page = BufferGetPage(buffer);
	row = (HeapTupleHeader) PageGetItem(page,
										PageGetItemId(page, FirstOffsetNumber));
	data = (Form_pg_sequence_data) ((char *) row + row->t_hoff);
	last = data->is_called ? data->last_value : 0;
	UnlockReleaseBuffer(buffer);
	relation_close(relation, AccessShareLock);
	return last;
}

/* This transaction counts too: what it drew may still be rolled back. */
static VirtualTransactionId *
find_holders(Oid sequence, int *count)
{
	LOCKTAG		tag;
	VirtualTransactionId *vxids;

	SET_LOCKTAG_RELATION(tag, MyDatabaseId, sequence);
	/* Has room for all and one that ends the list. */
	vxids = GetLockConflicts(&tag, ShareLock, count);
	if (LockHeldByMe(&tag, RowExclusiveLock))
	{
		GET_VXID_FROM_PGPROC(vxids[*count], *MyProc);
		(*count)++;
	}
	return vxids;
}

/* Remembers the holders; those that are new got the lock after last turn. */
static void
take_holders(const VirtualTransactionId *vxids, int count, int64 settled)
{
	AzHolder   *holders = MemoryContextAlloc(TopMemoryContext,
											 sizeof(AzHolder) * Max(count, 1));

	for (int i = 0; i < count; i++)
	{
		holders[i].vxid = vxids[i];
		holders[i].floor = Max(settled, floor_of(vxids[i], known_last));
	}
	if (known.holders != NULL)
		pfree(known.holders);
	known.holders = holders;
	known.count = count;
}

static int64
floor_of(VirtualTransactionId vxid, int64 unknown)
{
	for (int i = 0; i < known.count; i++)
		if (VirtualTransactionIdEquals(known.holders[i].vxid, vxid))
			return known.holders[i].floor;
	return unknown;
}
