/* Addresses of business logic as they are registered. */
#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>
#include <sys/un.h>

#include "net/address.h"
#include "net/channels.h"

#define TCP_SCHEME "grpc://"
#define TLS_SCHEME "grpcs://"
#define UNIX_SCHEME "unix:"
#define MAX_HOST 253			/* what a DNS name may have */

static bool parse_tcp(AzAddress *address, AzArena *arena, AzError *error);
static bool parse_unix(AzAddress *address, AzArena *arena, AzError *error);
static bool parse_port(AzAddress *address, const char *digits);
static bool is_host_name(const char *host);
static bool is_ipv6(const char *host);
static bool refuse(const char *text, const char *why, AzArena *arena,
				   AzError *error);

bool
az_address_parse(AzAddress *address, const char *text, AzArena *arena,
				 AzError *error)
{
	memset(address, 0, sizeof(*address));
	address->text = az_arena_string(arena, text);
	if (address->text == NULL)
		return az_error_out_of_memory(error);
	if (strncmp(text, TLS_SCHEME, strlen(TLS_SCHEME)) == 0)
		return refuse(text, "TLS is not available in this version", arena,
					  error);
	if (strncmp(text, TCP_SCHEME, strlen(TCP_SCHEME)) == 0)
		return parse_tcp(address, arena, error);
	if (strncmp(text, UNIX_SCHEME, strlen(UNIX_SCHEME)) == 0)
		return parse_unix(address, arena, error);
	return refuse(text, "it begins with no known scheme", arena, error);
}

bool
az_address_check(const char *address, AzArena *arena, AzError *error)
{
	AzAddress	parsed;

	return az_address_parse(&parsed, address, arena, error);
}

/* Splits "host:port" at the last colon. */
static bool
parse_tcp(AzAddress *address, AzArena *arena, AzError *error)
{
	char	   *host;
	char	   *colon;
	size_t		len;

	address->authority = address->text + strlen(TCP_SCHEME);
	host = az_arena_string(arena, address->authority);
	if (host == NULL)
		return az_error_out_of_memory(error);
	colon = strrchr(host, ':');
	if (colon == NULL || strchr(colon, ']') != NULL)
		return refuse(address->text, "it has no port", arena, error);
	*colon = '\0';
	if (!parse_port(address, colon + 1))
		return refuse(address->text, "its port is not a number from 1 to 65535",
					  arena, error);
	len = strlen(host);
	if (len >= 2 && host[0] == '[' && host[len - 1] == ']')
	{
		host[len - 1] = '\0';
		host++;
		if (!is_ipv6(host))
			return refuse(address->text,
						  "what stands in brackets is not an IPv6 address",
						  arena, error);
	}
	else if (!is_host_name(host))
		return refuse(address->text, "its host is not a name or IP address",
					  arena, error);
	address->host = host;
	return true;
}

static bool
parse_unix(AzAddress *address, AzArena *arena, AzError *error)
{
	const char *path = address->text + strlen(UNIX_SCHEME);

	if (path[0] != '/')
		return refuse(address->text, "its path is not absolute", arena, error);
	if (strlen(path) >= sizeof(((struct sockaddr_un *) NULL)->sun_path))
		return refuse(address->text, "its path is longer than 107 bytes", arena,
					  error);
	address->path = path;
	address->authority = "localhost";
	return true;
}

static bool
parse_port(AzAddress *address, const char *digits)
{
	int			port = 0;

	if (digits[0] == '\0' || strlen(digits) > 5)
		return false;
	for (; *digits != '\0'; digits++)
	{
		if (!isdigit((unsigned char) *digits))
			return false;
		port = port * 10 + (*digits - '0');
	}
	address->port = port;
	return port >= 1 && port <= 65535;
}

static bool
is_host_name(const char *host)
{
	size_t		len = strlen(host);

	if (len == 0 || len > MAX_HOST || host[0] == '.' || host[0] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
	{
		unsigned char c = (unsigned char) host[i];

		if (c >= 128 || (!isalnum(c) && strchr("-._", c) == NULL))
			return false;
	}
	return true;
}

static bool
is_ipv6(const char *host)
{
	struct in6_addr parsed;

	return inet_pton(AF_INET6, host, &parsed) == 1;
}

static bool
refuse(const char *text, const char *why, AzArena *arena, AzError *error)
{
	return az_error_set(error, arena, AZ_INVALID_ARGUMENT,
						"address \"%.200s\" cannot be used: %s; allowed are "
						"grpc://host:port and unix:/path", text, why);
}
