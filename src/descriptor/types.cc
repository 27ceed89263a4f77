/* The types of users' payloads: files of descriptors, built and compared. */
#include "descriptor/library.hpp"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/api.pb.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/empty.pb.h>
#include <google/protobuf/field_mask.pb.h>
#include <google/protobuf/source_context.pb.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/type.pb.h>
#include <google/protobuf/wrappers.pb.h>

#include <map>
#include <memory>
#include <set>

using az_descriptor::guard;

namespace
{

bool
refuse(AzArena *arena, AzError *error, const std::string &text)
{
	return az_error_set(error, arena, AZ_INVALID_ARGUMENT, "%s", text.c_str());
}

/* Keeps the first fault that the library finds in a file. */
class FirstFault : public pb::DescriptorPool::ErrorCollector
{
public:
	void
	AddError(const std::string &file, const std::string &element,
			 const pb::Message *, ErrorLocation,
			 const std::string &message) override
	{
		if (text.empty())
			text = "file \"" + file + "\", " + element + ": " + message;
	}

	std::string text;
};

/* The library says on stderr what it finds, unless it is told not to. */
void
be_quiet()
{
	static const pb::LogHandler *const previous = pb::SetLogHandler(nullptr);

	(void) previous;
}

bool
parse_set(AzBytes bytes, pb::FileDescriptorSet *set)
{
	return bytes.len <= INT32_MAX &&
		set->ParseFromArray(bytes.data, (int) bytes.len);
}

/*
 * The files of well-known types, each after what it imports: the library
 * brings them, so that they are there whoever imports them.
 */
const std::vector<const pb::FileDescriptor *> &
well_known()
{
	static const std::vector<const pb::FileDescriptor *> files = {
		pb::FileDescriptorProto::descriptor()->file(),
		pb::Any::descriptor()->file(),
		pb::SourceContext::descriptor()->file(),
		pb::Type::descriptor()->file(),
		pb::Api::descriptor()->file(),
		pb::Duration::descriptor()->file(),
		pb::Empty::descriptor()->file(),
		pb::FieldMask::descriptor()->file(),
		pb::Struct::descriptor()->file(),
		pb::Timestamp::descriptor()->file(),
		pb::StringValue::descriptor()->file()
	};

	return files;
}

/* The known files, and those of well-known types that are not among them. */
bool
parse_known(AzBytes bytes, pb::FileDescriptorSet *set)
{
	std::set<std::string> names;

	if (!parse_set(bytes, set))
		return false;
	for (const pb::FileDescriptorProto &file : set->file())
		names.insert(file.name());
	for (const pb::FileDescriptor *file : well_known())
	{
		if (names.count(file->name()) > 0)
			continue;
		file->CopyTo(set->add_file());
		file->CopyJsonNameTo(set->mutable_file(set->file_size() - 1));
	}
	return true;
}

std::set<std::string>
names_of(const pb::FileDescriptorSet &set)
{
	std::set<std::string> names;

	for (const pb::FileDescriptorProto &file : set.file())
		names.insert(file.name());
	return names;
}

bool
copy_file(const pb::FileDescriptorProto &file, AzArena *arena,
		  AzTypesFile *copy)
{
	const std::string encoded = file.SerializeAsString();
	const AzBytes bytes = {
		reinterpret_cast<const uint8_t *>(encoded.data()), encoded.size()
	};

	copy->name = az_arena_string(arena, file.name().c_str());
	return copy->name != nullptr && az_arena_copy(arena, bytes, &copy->bytes);
}

bool
split(AzBytes known, AzBytes bytes, AzArena *arena, AzTypesFile **files,
	  size_t *count, AzError *error)
{
	pb::FileDescriptorSet ours;
	pb::FileDescriptorSet set;

	if (!parse_known(known, &ours) || !parse_set(bytes, &set))
		return refuse(arena, error, "it is not an encoded FileDescriptorSet");
	std::set<std::string> seen = names_of(ours);
	*files = static_cast<AzTypesFile *>(
		az_arena_array(arena, (size_t) set.file_size() + 1,
					   sizeof(AzTypesFile)));
	*count = 0;
	if (*files == nullptr)
		return az_error_out_of_memory(error);
	const std::set<std::string> own = seen;
	for (const pb::FileDescriptorProto &file : set.file())
	{
		if (own.count(file.name()) > 0)
			continue;
		if (file.name().empty())
			return refuse(arena, error, "a file of it has no name");
		if (!seen.insert(file.name()).second)
			return refuse(arena, error, "two files of it are called \"" + file.name() + "\"");
		if (!copy_file(file, arena, &(*files)[(*count)++]))
			return az_error_out_of_memory(error);
	}
	return true;
}

typedef std::map<std::string, pb::FileDescriptorProto> Files;

/* All that is to be built, by name; ours go before a user's. */
bool
collect(AzBytes known, const AzTypesFile *files, size_t count, AzTypes *types,
		Files *all, AzArena *arena, AzError *error)
{
	pb::FileDescriptorSet ours;

	if (!parse_known(known, &ours))
		return refuse(arena, error, "the known files are not an encoded FileDescriptorSet");
	for (const pb::FileDescriptorProto &file : ours.file())
		(*all)[file.name()] = file;
	for (size_t i = 0; i < count; i++)
	{
		pb::FileDescriptorProto file;

		if (files[i].bytes.len > INT32_MAX ||
			!file.ParseFromArray(files[i].bytes.data,
								 (int) files[i].bytes.len))
			return refuse(arena, error, "file \"" + std::string(files[i].name) + "\" does not decode");
		if (all->emplace(file.name(), file).second)
			types->names.push_back(file.name());
	}
	return true;
}

bool
is_ready(const pb::FileDescriptorProto &file, const AzTypes *types)
{
	for (const std::string &import : file.dependency())
		if (types->pool.FindFileByName(import) == nullptr)
			return false;
	return true;
}

/* Why none of the files that are left can be built. */
std::string
what_is_missing(const Files &left)
{
	for (const auto &entry : left)
		for (const std::string &import : entry.second.dependency())
			if (left.count(import) == 0)
				return "file \"" + entry.first + "\" imports \"" + import +
					"\", which is not there";
	return "files import each other in a circle: \"" +
		left.begin()->first + "\" is one of them";
}

/* Each after what it imports. */
bool
build(Files *left, AzTypes *types, AzArena *arena, AzError *error)
{
	while (!left->empty())
	{
		size_t		before = left->size();

		for (auto entry = left->begin(); entry != left->end();)
		{
			FirstFault	fault;

			if (!is_ready(entry->second, types))
			{
				++entry;
				continue;
			}
			if (types->pool.BuildFileCollectingErrors(entry->second, &fault) ==
				nullptr)
				return refuse(arena, error, fault.text);
			entry = left->erase(entry);
		}
		if (left->size() == before)
		{
			/* What is built already is not missing. */
			for (auto &entry : *left)
			{
				auto	   *imports = entry.second.mutable_dependency();

				for (int i = imports->size() - 1; i >= 0; i--)
					if (types->pool.FindFileByName(imports->Get(i)) != nullptr)
						imports->DeleteSubrange(i, 1);
			}
			return refuse(arena, error, what_is_missing(*left));
		}
	}
	return true;
}

/* What may stand for what on the wire without a loss. */
int
wire_class(const pb::FieldDescriptor *field)
{
	switch (field->type())
	{
		case pb::FieldDescriptor::TYPE_INT32:
		case pb::FieldDescriptor::TYPE_INT64:
		case pb::FieldDescriptor::TYPE_UINT32:
		case pb::FieldDescriptor::TYPE_UINT64:
		case pb::FieldDescriptor::TYPE_BOOL:
		case pb::FieldDescriptor::TYPE_ENUM:
			return 1;
		case pb::FieldDescriptor::TYPE_SINT32:
		case pb::FieldDescriptor::TYPE_SINT64:
			return 2;
		case pb::FieldDescriptor::TYPE_STRING:
		case pb::FieldDescriptor::TYPE_BYTES:
			return 3;
		case pb::FieldDescriptor::TYPE_FIXED32:
		case pb::FieldDescriptor::TYPE_SFIXED32:
			return 4;
		case pb::FieldDescriptor::TYPE_FIXED64:
		case pb::FieldDescriptor::TYPE_SFIXED64:
			return 5;
		default:
			return 100 + (int) field->type();
	}
}

/* Why a field cannot take the place of another, or "". */
std::string
field_fault(const pb::FieldDescriptor *before, const pb::FieldDescriptor *after)
{
	if (wire_class(before) != wire_class(after))
		return "it was " + std::string(before->type_name()) + " and is now " +
			after->type_name();
	if (before->is_repeated() != after->is_repeated())
		return before->is_repeated() ?
			"it was repeated and is no longer" : "it is repeated and was not";
	if (before->message_type() != nullptr &&
		before->message_type()->full_name() !=
		after->message_type()->full_name())
		return "it was " + before->message_type()->full_name() +
			" and is now " + after->message_type()->full_name();
	return "";
}

bool
message_can_follow(const pb::Descriptor *before, const AzTypes *types,
				   AzArena *arena, AzError *error)
{
	const pb::Descriptor *after =
		types->pool.FindMessageTypeByName(before->full_name());

	if (after == nullptr)
		return az_error_set(error, arena, AZ_FAILED_PRECONDITION,
							"message \"%s\" is no longer there",
							before->full_name().c_str());
	for (int i = 0; i < before->field_count(); i++)
	{
		const pb::FieldDescriptor *field = before->field(i);
		const pb::FieldDescriptor *now =
			after->FindFieldByNumber(field->number());
		const std::string fault =
			now == nullptr ? "" : field_fault(field, now);

		if (!fault.empty())
			return az_error_set(error, arena, AZ_FAILED_PRECONDITION,
								"field %d (\"%s\") of message \"%s\" cannot change: %s",
								field->number(), field->name().c_str(),
								before->full_name().c_str(), fault.c_str());
	}
	for (int i = 0; i < before->nested_type_count(); i++)
		if (!message_can_follow(before->nested_type(i), types, arena, error))
			return false;
	return true;
}

bool
can_follow(const AzTypes *before, const AzTypes *after, AzArena *arena,
		   AzError *error)
{
	for (const std::string &name : before->names)
	{
		const pb::FileDescriptor *file = before->pool.FindFileByName(name);

		for (int i = 0; i < file->message_type_count(); i++)
			if (!message_can_follow(file->message_type(i), after, arena,
									error))
				return false;
	}
	return true;
}

}								/* namespace */

bool
az_types_split(AzBytes known, AzBytes set, AzArena *arena, AzTypesFile **files,
			  size_t *count, AzError *error)
{
	be_quiet();
	return guard(error, [&] {
		return split(known, set, arena, files, count, error);
	});
}

AzTypes *
az_types_create(AzBytes known, const AzTypesFile *files, size_t count,
			   AzArena *arena, AzError *error)
{
	AzTypes	   *created = nullptr;

	be_quiet();
	guard(error, [&] {
		std::unique_ptr<AzTypes> types(new AzTypes);
		Files		all;

		if (!collect(known, files, count, types.get(), &all, arena, error) ||
			!build(&all, types.get(), arena, error))
			return false;
		created = types.release();
		return true;
	});
	return created;
}

void
az_types_free(AzTypes *types)
{
	delete types;
}

bool
az_types_can_follow(const AzTypes *before, const AzTypes *after, AzArena *arena,
				   AzError *error)
{
	return guard(error, [&] {
		return can_follow(before, after, arena, error);
	});
}

bool
az_types_has(const AzTypes *types, const char *type)
{
	return guard(nullptr, [&] {
		return types->pool.FindMessageTypeByName(type) != nullptr;
	});
}

const char *
az_types_field_name(const AzTypes *types, const char *type, uint32_t number)
{
	const char *name = nullptr;

	guard(nullptr, [&] {
		const pb::Descriptor *message =
			types->pool.FindMessageTypeByName(type);
		const pb::FieldDescriptor *field = message == nullptr ?
			nullptr : message->FindFieldByNumber((int) number);

		if (field != nullptr)
			name = field->name().c_str();
		return true;
	});
	return name;
}
