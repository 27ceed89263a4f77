/*
 * grpc.reflection: what is served here, in its two versions.
 *
 * They are the same on the wire, so one set of functions and of messages
 * serves both.  Files are decoded once for each call; a question and its
 * answer have an arena of their own, since a call may ask without end.
 */
#include "service/reflection.h"

#include "codec/decode.h"
#include "codec/descriptors.h"
#include "codec/utf8.h"

#define MAX_SHOWN 256			/* bytes of a name in an error */

typedef struct Question
{
	const PbFileDescriptorSet *set;
	PbServerReflectionRequest *request;
	PbServerReflectionResponse response;
	AzArena    *arena;
	AzError    *error;
} Question;

static void take_question(AzServiceCall *call, AzBytes message);
static void end_call(AzServiceCall *call);
static bool send_answer(AzServiceCall *call, AzBytes message, AzArena *arena,
						AzError *error);
static bool fill_answer(Question *question);
static bool list_services(Question *question);
static bool list_extensions(Question *question);
static bool give_file(Question *question, const PbFileDescriptorProto *file,
					  const char *name);
static bool give_error(Question *question, AzCode code, const char *text);

static const AzMethod methods[] = {
	{
		.name = "ServerReflectionInfo",.client_streams = true,
		.message = take_question,.half_closed = end_call
	},
	{NULL}
};

const AzService az_reflection_service = {
	"grpc.reflection.v1.ServerReflection", methods
};

const AzService az_reflection_alpha_service = {
	"grpc.reflection.v1alpha.ServerReflection", methods
};

static void
take_question(AzServiceCall *call, AzBytes message)
{
	AzArena    *arena = az_arena_create();
	AzError		error = {0};

	if (arena == NULL)
		az_error_out_of_memory(&error);
	else if (call->state == NULL)
		call->state = (void *)
			az_descriptors_decode(az_server_call_arena(call->call), &error);
	if (error.code != AZ_OK || !send_answer(call, message, arena, &error))
		az_service_fail(call, &error);
	az_arena_free(arena);
}

static void
end_call(AzServiceCall *call)
{
	AzError		fine = {0};

	az_server_call_finish(call->call, &fine);
}

/* False with an error ends the call. */
static bool
send_answer(AzServiceCall *call, AzBytes message, AzArena *arena,
			AzError *error)
{
	Question	question = {
		.set = call->state,
		.response = PB_SERVER_REFLECTION_RESPONSE_INIT,
		.arena = arena,
		.error = error
	};
	AzBytes		bytes;

	question.request = az_decode(&pb_server_reflection_request_descriptor,
								 message, arena, error);
	if (question.request == NULL)
		return false;
	question.response.valid_host = question.request->host;
	question.response.original_request = question.request;
	if (!fill_answer(&question) ||
		!az_encode(&question.response, arena, &bytes, error))
		return false;
	/* Where sending fails the call ends by itself. */
	az_server_call_send(call->call, bytes);
	return true;
}

static bool
fill_answer(Question *question)
{
	const PbServerReflectionRequest *request = question->request;
	const PbFileDescriptorSet *set = question->set;

	switch (request->message_request_case)
	{
		case PB_SERVER_REFLECTION_REQUEST_FILE_BY_FILENAME:
			return give_file(question,
							 az_descriptors_file(set, request->file_by_filename),
							 request->file_by_filename);
		case PB_SERVER_REFLECTION_REQUEST_FILE_CONTAINING_SYMBOL:
			return give_file(question,
							 az_descriptors_declaring(set, request->file_containing_symbol),
							 request->file_containing_symbol);
		case PB_SERVER_REFLECTION_REQUEST_FILE_CONTAINING_EXTENSION:
			return give_file(question, NULL,
							 request->file_containing_extension->containing_type);
		case PB_SERVER_REFLECTION_REQUEST_ALL_EXTENSION_NUMBERS_OF_TYPE:
			return list_extensions(question);
		case PB_SERVER_REFLECTION_REQUEST_LIST_SERVICES:
			return list_services(question);
		default:
			return give_error(question, AZ_INVALID_ARGUMENT,
							  "the request asks nothing that is known here");
	}
}

static bool
list_services(Question *question)
{
	PbListServiceResponse *list = az_arena_alloc(question->arena, sizeof(*list));
	PbServiceResponse *services;
	size_t		count = 0;

	while (az_services[count] != NULL)
		count++;
	services = az_arena_array(question->arena, count, sizeof(*services));
	if (list == NULL || services == NULL)
		return az_error_out_of_memory(question->error);
	pb_list_service_response_init(list);
	list->service = az_arena_array(question->arena, count,
								   sizeof(*list->service));
	if (list->service == NULL)
		return az_error_out_of_memory(question->error);
	for (size_t i = 0; i < count; i++)
	{
		pb_service_response_init(&services[i]);
		services[i].name = (char *) az_services[i]->name;
		list->service[i] = &services[i];
	}
	list->n_service = count;
	question->response.message_response_case =
		PB_SERVER_REFLECTION_RESPONSE_LIST_SERVICES_RESPONSE;
	question->response.list_services_response = list;
	return true;
}

/* Our files extend nothing: a type that we know has no extensions. */
static bool
list_extensions(Question *question)
{
	char	   *type = question->request->all_extension_numbers_of_type;
	PbExtensionNumberResponse *list;

	if (az_descriptors_declaring(question->set, type) == NULL)
		return give_file(question, NULL, type);
	list = az_arena_alloc(question->arena, sizeof(*list));
	if (list == NULL)
		return az_error_out_of_memory(question->error);
	pb_extension_number_response_init(list);
	list->base_type_name = type;
	question->response.message_response_case =
		PB_SERVER_REFLECTION_RESPONSE_ALL_EXTENSION_NUMBERS_RESPONSE;
	question->response.all_extension_numbers_response = list;
	return true;
}

/* The file with all it imports; NULL: what was asked for is not here. */
static bool
give_file(Question *question, const PbFileDescriptorProto *file,
		  const char *name)
{
	PbFileDescriptorResponse *answer;
	AzBytes    *files;

	if (file == NULL)
	{
		const char *shown = az_utf8_clean(question->arena, name, MAX_SHOWN);

		return give_error(question, AZ_NOT_FOUND, shown == NULL ? NULL :
						  az_arena_format(question->arena, "not found: %s", shown));
	}
	answer = az_arena_alloc(question->arena, sizeof(*answer));
	if (answer == NULL)
		return az_error_out_of_memory(question->error);
	pb_file_descriptor_response_init(answer);
	if (!az_descriptors_closure(question->set, file, question->arena, &files,
								&answer->n_file_descriptor_proto,
								question->error))
		return false;
	answer->file_descriptor_proto =
		az_arena_array(question->arena, answer->n_file_descriptor_proto,
					   sizeof(ProtobufCBinaryData));
	if (answer->file_descriptor_proto == NULL)
		return az_error_out_of_memory(question->error);
	for (size_t i = 0; i < answer->n_file_descriptor_proto; i++)
	{
		answer->file_descriptor_proto[i].data = (uint8_t *) files[i].data;
		answer->file_descriptor_proto[i].len = files[i].len;
	}
	question->response.message_response_case =
		PB_SERVER_REFLECTION_RESPONSE_FILE_DESCRIPTOR_RESPONSE;
	question->response.file_descriptor_response = answer;
	return true;
}

/* An answer of its own kind; the call goes on. */
static bool
give_error(Question *question, AzCode code, const char *text)
{
	PbErrorResponse *answer = az_arena_alloc(question->arena, sizeof(*answer));

	if (answer == NULL || text == NULL)
		return az_error_out_of_memory(question->error);
	pb_error_response_init(answer);
	answer->error_code = (int32_t) code;
	answer->error_message = (char *) text;
	question->response.message_response_case =
		PB_SERVER_REFLECTION_RESPONSE_ERROR_RESPONSE;
	question->response.error_response = answer;
	return true;
}
