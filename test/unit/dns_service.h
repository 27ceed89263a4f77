/* A tiny DNS server for the client's tests, in the test's own loop. */
#ifndef DNS_SERVICE_H
#define DNS_SERVICE_H

#include "net/loop.h"

typedef struct DnsService DnsService;

/*
 * Answers at 127.0.0.1 on a port of its own and makes az_lookup_configure
 * point there, until it is stopped.
 */
extern DnsService *dns_service_start(AzLoop *loop);
extern void dns_service_stop(DnsService *service);

/* The A records of every name ("127.0.0.1", …); none = the name is unknown. */
extern void dns_service_set(DnsService *service, const char *const *addresses,
							size_t count);

/* Answers no more. */
extern void dns_service_silence(DnsService *service);
extern size_t dns_service_questions(const DnsService *service);

#endif
