/* A tiny DNS server for the client's tests, in the test's own loop. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dns_service.h"
#include "net/resolver.h"

#define HEADER_SIZE 12
#define MAX_RECORDS 32
#define TYPE_A 1

struct DnsService
{
	AzLoop	   *loop;
	AzWatch		watch;
	struct in_addr records[MAX_RECORDS];
	size_t		n_records;
	size_t		questions;
	bool		silent;
	char		file[64];
};

static void answer(AzWatch *watch, uint32_t events);

DnsService *
dns_service_start(AzLoop *loop)
{
	DnsService *service = calloc(1, sizeof(DnsService));
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)
	};
	socklen_t	len = sizeof(address);
	int			file;

	service->loop = loop;
	service->watch.fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	service->watch.ready = answer;
	service->watch.owner = service;
	if (bind(service->watch.fd, (struct sockaddr *) &address, len) != 0 ||
		getsockname(service->watch.fd, (struct sockaddr *) &address, &len) != 0)
		return NULL;
	az_loop_watch(loop, &service->watch, EPOLLIN);
	snprintf(service->file, sizeof(service->file), "/tmp/resolv.XXXXXX");
	file = mkstemp(service->file);
	if (file < 0 || write(file, "nameserver 127.0.0.1\n", 21) != 21)
		return NULL;
	close(file);
	az_lookup_configure(service->file, ntohs(address.sin_port));
	return service;
}

void
dns_service_stop(DnsService *service)
{
	az_lookup_configure(NULL, 0);
	az_loop_unwatch(service->loop, &service->watch);
	close(service->watch.fd);
	unlink(service->file);
	free(service);
}

void
dns_service_set(DnsService *service, const char *const *addresses,
				size_t count)
{
	for (size_t i = 0; i < count; i++)
		inet_pton(AF_INET, addresses[i], &service->records[i]);
	service->n_records = count;
}

void
dns_service_silence(DnsService *service)
{
	service->silent = true;
}

size_t
dns_service_questions(const DnsService *service)
{
	return service->questions;
}

/* The question's length, behind the header. */
static size_t
question_len(const uint8_t *packet, size_t len)
{
	size_t		at = HEADER_SIZE;

	while (at < len && packet[at] != 0)
		at += packet[at] + 1;
	return at + 5 - HEADER_SIZE;
}

static void
answer(AzWatch *watch, uint32_t events)
{
	DnsService *service = watch->owner;
	uint8_t		packet[1500] = {0};
	struct sockaddr_in from;
	socklen_t	from_len = sizeof(from);
	ssize_t		len = recvfrom(watch->fd, packet, 512, 0,
							   (struct sockaddr *) &from, &from_len);
	size_t		at = HEADER_SIZE;
	bool		is_a;

	if (len < HEADER_SIZE || service->silent)
		return;
	service->questions++;
	at += question_len(packet, (size_t) len);
	is_a = packet[at - 3] == TYPE_A;
	packet[2] = 0x85;			/* an authoritative answer */
	packet[3] = service->n_records == 0 ? 3 : 0;	/* NXDOMAIN */
	memset(packet + 6, 0, 6);
	packet[7] = is_a ? (uint8_t) service->n_records : 0;
	for (size_t i = 0; is_a && i < service->n_records; i++)
	{
		static const uint8_t head[] = {0xc0, 12, 0, TYPE_A, 0, 1, 0, 0, 0, 0, 0, 4};

		memcpy(packet + at, head, sizeof(head));
		memcpy(packet + at + sizeof(head), &service->records[i], 4);
		at += sizeof(head) + 4;
	}
	sendto(watch->fd, packet, at, 0, (struct sockaddr *) &from, from_len);
}
