/*
 * Our own .proto files, found by name and by what they declare.
 *
 * There are few of them and few who ask, so every search is a plain walk.
 */
#include "codec/descriptors.h"

#include <string.h>

#include "codec/decode.h"

static bool file_declares(const PbFileDescriptorProto *file,
						  const char *symbol);
static bool message_declares(const PbDescriptorProto *message,
							 const char *symbol);
static bool enum_declares(const PbEnumDescriptorProto *type,
						  const char *symbol);
static bool service_declares(const PbServiceDescriptorProto *service,
							 const char *symbol);
static const char *rest_after(const char *symbol, const char *name);
static bool gather(const PbFileDescriptorSet *set,
				   const PbFileDescriptorProto **found, size_t *count);

const PbFileDescriptorSet *
az_descriptors_decode(AzArena *arena, AzError *error)
{
	AzBytes		bytes = {az_descriptor_set, az_descriptor_set_len};

	return az_decode(&pb_file_descriptor_set_descriptor, bytes, arena, error);
}

const PbFileDescriptorProto *
az_descriptors_file(const PbFileDescriptorSet *set, const char *name)
{
	for (size_t i = 0; i < set->n_file; i++)
		if (strcmp(set->file[i]->name, name) == 0)
			return set->file[i];
	return NULL;
}

const PbFileDescriptorProto *
az_descriptors_declaring(const PbFileDescriptorSet *set, const char *symbol)
{
	for (size_t i = 0; i < set->n_file; i++)
		if (file_declares(set->file[i], symbol))
			return set->file[i];
	return NULL;
}

bool
az_descriptors_closure(const PbFileDescriptorSet *set,
					   const PbFileDescriptorProto *file, AzArena *arena,
					   AzBytes **files, size_t *count, AzError *error)
{
	const PbFileDescriptorProto **found =
	az_arena_array(arena, set->n_file, sizeof(*found));

	*files = az_arena_array(arena, set->n_file, sizeof(AzBytes));
	if (found == NULL || *files == NULL)
		return az_error_out_of_memory(error);
	found[0] = file;
	*count = 1;
	while (gather(set, found, count))
		;
	for (size_t i = 0; i < *count; i++)
		if (!az_encode(found[i], arena, &(*files)[i], error))
			return false;
	return true;
}

static bool
file_declares(const PbFileDescriptorProto *file, const char *symbol)
{
	const char *name = rest_after(symbol, file->package);

	if (name == NULL || *name == '\0')
		return false;
	for (size_t i = 0; i < file->n_message_type; i++)
		if (message_declares(file->message_type[i], name))
			return true;
	for (size_t i = 0; i < file->n_enum_type; i++)
		if (enum_declares(file->enum_type[i], name))
			return true;
	for (size_t i = 0; i < file->n_service; i++)
		if (service_declares(file->service[i], name))
			return true;
	return false;
}

static bool
message_declares(const PbDescriptorProto *message, const char *symbol)
{
	const char *name = rest_after(symbol, message->name);

	if (name == NULL || *name == '\0')
		return name != NULL;
	for (size_t i = 0; i < message->n_nested_type; i++)
		if (message_declares(message->nested_type[i], name))
			return true;
	for (size_t i = 0; i < message->n_enum_type; i++)
		if (enum_declares(message->enum_type[i], name))
			return true;
	for (size_t i = 0; i < message->n_field; i++)
		if (strcmp(message->field[i]->name, name) == 0)
			return true;
	for (size_t i = 0; i < message->n_oneof_decl; i++)
		if (strcmp(message->oneof_decl[i]->name, name) == 0)
			return true;
	return false;
}

/* The values of an enum stand beside it, not inside. */
static bool
enum_declares(const PbEnumDescriptorProto *type, const char *symbol)
{
	if (strcmp(type->name, symbol) == 0)
		return true;
	for (size_t i = 0; i < type->n_value; i++)
		if (strcmp(type->value[i]->name, symbol) == 0)
			return true;
	return false;
}

static bool
service_declares(const PbServiceDescriptorProto *service, const char *symbol)
{
	const char *name = rest_after(symbol, service->name);

	if (name == NULL || *name == '\0')
		return name != NULL;
	for (size_t i = 0; i < service->n_method; i++)
		if (strcmp(service->method[i]->name, name) == 0)
			return true;
	return false;
}

/* "c.d" of "a.b.c.d" and "a.b"; "" of equal ones; else NULL. */
static const char *
rest_after(const char *symbol, const char *name)
{
	size_t		len = strlen(name);

	if (strncmp(symbol, name, len) != 0)
		return NULL;
	if (symbol[len] == '\0')
		return symbol + len;
	return symbol[len] == '.' && symbol[len + 1] != '\0' ?
		symbol + len + 1 : NULL;
}

/* Adds an import that is not yet among those found; false: none is left. */
static bool
gather(const PbFileDescriptorSet *set, const PbFileDescriptorProto **found,
	   size_t *count)
{
	for (size_t i = 0; i < *count; i++)
		for (size_t j = 0; j < found[i]->n_dependency; j++)
		{
			const PbFileDescriptorProto *import =
			az_descriptors_file(set, found[i]->dependency[j]);
			size_t		k = 0;

			while (k < *count && found[k] != import)
				k++;
			if (k == *count && import != NULL)
			{
				found[(*count)++] = import;
				return true;
			}
		}
	return false;
}
