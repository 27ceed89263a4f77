/*
 * All channels of an engine, by address, and the delivery of results.
 *
 * Results are delivered from one timer, after the sockets of a turn have been
 * read: never from inside a function of the owner's, never from inside a
 * connection.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "net/channel.h"

static void deliver(AzTimer *timer);
static void deliver_ended(AzChannels *channels);
static void end_calls(AzChannel *channel, const AzList *calls);

AzChannels *
az_channels_create(AzLoop *loop, const AzClientLimits *limits)
{
	AzChannels *channels = calloc(1, sizeof(AzChannels));

	if (channels == NULL)
		return NULL;
	channels->loop = loop;
	channels->limits = *limits;
	channels->deliver.due = deliver;
	channels->deliver.owner = channels;
	channels->by_address = az_map_create();
	if (channels->by_address != NULL &&
		az_loop_start_timer(loop, &channels->deliver, INT64_MAX))
		return channels;
	az_map_free(channels->by_address);
	free(channels);
	return NULL;
}

void
az_channels_set_limits(AzChannels *channels, const AzClientLimits *limits)
{
	channels->limits = *limits;
}

AzChannel *
az_channels_get(AzChannels *channels, const char *address, AzArena *arena,
				AzError *error)
{
	AzBytes		key = az_bytes_of(address);
	AzChannel  *channel = az_map_get(channels->by_address, key);

	if (channel != NULL)
	{
		channel->used_us = az_clock_monotonic_us();
		return channel;
	}
	channel = az_channel_create(channels, address, arena, error);
	if (channel == NULL)
		return NULL;
	if (!az_map_put(channels->by_address, key, channel))
	{
		az_channel_free(channel);
		az_error_out_of_memory(error);
		return NULL;
	}
	az_list_append(&channels->channels, &channel->link, channel);
	return channel;
}

void
az_channels_forget(AzChannels *channels, AzChannel *channel)
{
	az_map_remove(channels->by_address, az_bytes_of(channel->address.text));
	az_channel_free(channel);
}

void
az_channels_free(AzChannels *channels)
{
	AzChannel  *channel;

	if (channels == NULL)
		return;
	channels->closing = true;
	for (channel = az_list_first(&channels->channels); channel != NULL;
		 channel = az_list_next(&channel->link))
	{
		end_calls(channel, &channel->queue);
		end_calls(channel, &channel->sent);
	}
	deliver_ended(channels);
	while ((channel = az_list_first(&channels->channels)) != NULL)
		az_channel_free(channel);
	az_loop_stop_timer(channels->loop, &channels->deliver);
	az_map_free(channels->by_address);
	free(channels);
}

static void
end_calls(AzChannel *channel, const AzList *calls)
{
	AzCall	   *call;

	while ((call = az_list_first(calls)) != NULL)
		az_call_fail(call, AZ_UNAVAILABLE,
					 "the call was given up: shutting down", NULL);
}

size_t
az_channels_count(const AzChannels *channels)
{
	return channels->channels.count;
}

/* ---- delivery ---- */

void
az_channels_deliver_soon(AzChannels *channels)
{
	az_loop_start_timer(channels->loop, &channels->deliver, 0);
}

static void
deliver(AzTimer *timer)
{
	AzChannels *channels = timer->owner;

	/* Its place in the heap is kept, so that moving it needs no memory. */
	az_loop_start_timer(channels->loop, timer, INT64_MAX);
	deliver_ended(channels);
}

/* What ends from inside comes in the next turn: an owner cannot spin here. */
static void
deliver_ended(AzChannels *channels)
{
	size_t		count = channels->ended.count;
	AzCall	   *call;

	while (count-- > 0 && (call = az_list_first(&channels->ended)) != NULL)
		az_call_deliver(call);
}
