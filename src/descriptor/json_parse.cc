/* JSON as encoded messages, over what the library says about their fields. */
extern "C"
{
#include "descriptor/json.h"
}
#include "descriptor/json_forms.hpp"
#include "descriptor/json_number.hpp"
#include "descriptor/json_path.hpp"
#include "descriptor/json_text.hpp"
#include "descriptor/json_values.hpp"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <memory>
#include <set>
#include <unordered_map>

namespace az_descriptor
{

namespace
{

typedef pb::FieldDescriptor Field;

class Parser
{
public:
	explicit Parser(const AzTypes *known) : types(known)
	{
	}

	/* The value as an encoded message of the type. */
	std::string parse(const pb::Descriptor *type, const Json &value,
					  const Json *any, int depth);

private:
	typedef std::unordered_map<std::string, const Field *> Names;

	void		fill(pb::Message *message, const Json &value, int depth);
	void		fill_fields(pb::Message *message, const Json &value,
							bool is_any, int depth);
	void		fill_field(pb::Message *message, const Field *field,
						   const Json &value, int depth);
	void		fill_list(pb::Message *message, const Field *field,
						  const Json &value, int depth);
	void		fill_map(pb::Message *message, const Field *field,
						 const Json &value, int depth);
	void		fill_instant(pb::Message *message, const Json &value,
							 Form form);
	void		fill_mask(pb::Message *message, const Json &value);
	void		fill_value(pb::Message *message, const Json &value, int depth);
	void		fill_any(pb::Message *message, const Json &value, int depth);
	std::string bytes_of_any(const std::string &url, const Json &value,
							 int depth);
	void		set(pb::Message *message, const Field *field,
					const Json &value, int depth);
	const Field *find(const pb::Descriptor *type, const std::string &name);
	const AzTypes *types;
	Path		path;
	std::unordered_map<const pb::Descriptor *, Names> names;
};

const Field *
field_of(const pb::Message *message, int number)
{
	return message->GetDescriptor()->FindFieldByNumber(number);
}

/* Maps in the order of their keys, so that the same JSON gives the same. */
std::string
encode(const pb::Message &message)
{
	std::string encoded;

	{
		pb::io::StringOutputStream stream(&encoded);
		pb::io::CodedOutputStream coded(&stream);

		coded.SetSerializationDeterministic(true);
		message.SerializePartialToCodedStream(&coded);
	}
	return encoded;
}

/*
 * The places of an object's items, by number or text as the library sorts
 * keys: the same entries give the same bytes in whatever order they come.
 */
std::vector<size_t>
in_order_of_keys(const Json &object, const Field *key)
{
	const bool	is_text = key->cpp_type() == Field::CPPTYPE_STRING;
	std::vector<std::pair<__int128, size_t>> keys;
	std::vector<size_t> places;

	for (size_t i = 0; i < object.names.size(); i++)
	{
		bool		is_negative = false;
		uint64_t	magnitude = 0;

		if (!is_text)
			whole_number(object.names[i], &is_negative, &magnitude);
		keys.emplace_back(is_negative ? -(__int128) magnitude :
						  (__int128) magnitude, i);
	}
	std::stable_sort(keys.begin(), keys.end(), [&](const auto &a, const auto &b) {
		return a.first != b.first ? a.first < b.first :
			object.names[a.second] < object.names[b.second];
	});
	for (const auto &sorted : keys)
		places.push_back(sorted.second);
	return places;
}

std::string
Parser::parse(const pb::Descriptor *type, const Json &value, const Json *any,
			  int depth)
{
	const std::unique_ptr<pb::Message> message(types->factory.GetPrototype(type)->New());

	if (any != nullptr)
		fill_fields(message.get(), *any, true, depth);
	else
		fill(message.get(), value, depth);
	if (!message->IsInitialized())
		path.fail("required fields of \"" + type->full_name() +
				  "\" are missing: " + message->InitializationErrorString());
	if (message->ByteSizeLong() > INT32_MAX)
		path.fail("the message would be larger than 2 GB");
	return encode(*message);
}

void
Parser::fill(pb::Message *message, const Json &value, int depth)
{
	const Form	form = form_of(message->GetDescriptor());

	if (depth > AZ_JSON_MAX_DEPTH)
		path.fail("it is nested more than " +
				  std::to_string(AZ_JSON_MAX_DEPTH) + " deep");
	switch (form)
	{
		case Form::ANY:
			fill_any(message, value, depth);
			break;
		case Form::DURATION:
		case Form::TIMESTAMP:
			fill_instant(message, value, form);
			break;
		case Form::FIELD_MASK:
			fill_mask(message, value);
			break;
		case Form::LIST:
			fill_list(message, field_of(message, 1), value, depth);
			break;
		case Form::STRUCT:
			fill_map(message, field_of(message, 1), value, depth);
			break;
		case Form::VALUE:
			fill_value(message, value, depth);
			break;
		case Form::WRAPPER:
			set(message, field_of(message, 1), value, depth);
			break;
		case Form::FIELDS:
			fill_fields(message, value, false, depth);
			break;
	}
}

/* Of an object; one in an Any has "@type" too. */
void
Parser::fill_fields(pb::Message *message, const Json &value, bool is_any,
					int depth)
{
	std::set<const Field *> seen;
	const pb::Reflection *reflection = message->GetReflection();

	if (depth > AZ_JSON_MAX_DEPTH)
		path.fail("it is nested more than " +
				  std::to_string(AZ_JSON_MAX_DEPTH) + " deep");
	if (value.kind != Kind::OBJECT)
		fail_as(path, "an object", value);
	for (size_t i = 0; i < value.items.size(); i++)
	{
		if (is_any && value.names[i] == "@type")
			continue;
		Path::Step	step(&path, &value.names[i]);
		const Field *field = find(message->GetDescriptor(), value.names[i]);

		if (field == nullptr)
			path.fail("message \"" + message->GetDescriptor()->full_name() +
					  "\" has no such field");
		if (!seen.insert(field).second)
			path.fail("it is given twice");
		const pb::OneofDescriptor *oneof = field->real_containing_oneof();

		if (oneof != nullptr && value.items[i].kind != Kind::NOTHING &&
			reflection->HasOneof(*message, oneof))
			path.fail("another field of oneof \"" + oneof->name() +
					  "\" is given too");
		fill_field(message, field, value.items[i], depth);
	}
}

const Field *
Parser::find(const pb::Descriptor *type, const std::string &name)
{
	const auto	known = names.find(type);

	if (known == names.end())
	{
		Names	   &fields = names[type];

		for (int i = 0; i < type->field_count(); i++)
			fields[type->field(i)->name()] = type->field(i);
		for (int i = 0; i < type->field_count(); i++)
			fields[type->field(i)->json_name()] = type->field(i);
		return find(type, name);
	}
	const auto	found = known->second.find(name);

	if (found != known->second.end())
		return found->second;
	if (name.size() < 3 || name.front() != '[' || name.back() != ']')
		return nullptr;
	const Field *extension =
		types->pool.FindExtensionByName(name.substr(1, name.size() - 2));

	return extension != nullptr && extension->containing_type() == type ?
		extension : nullptr;
}

void
Parser::fill_field(pb::Message *message, const Field *field, const Json &value,
				   int depth)
{
	const bool	takes_null = is_null_value(field) ||
		(field->message_type() != nullptr &&
		 form_of(field->message_type()) == Form::VALUE);

	/* Null is as good as nothing, but for a value that can be null. */
	if (value.kind == Kind::NOTHING && (field->is_repeated() || !takes_null))
		return;
	if (field->is_map())
		fill_map(message, field, value, depth);
	else if (field->is_repeated())
		fill_list(message, field, value, depth);
	else
		set(message, field, value, depth);
}

void
Parser::fill_list(pb::Message *message, const Field *field, const Json &value,
				  int depth)
{
	if (value.kind != Kind::ARRAY)
		fail_as(path, "an array", value);
	for (size_t i = 0; i < value.items.size(); i++)
	{
		Path::Step	step(&path, nullptr, (int) i);

		set(message, field, value.items[i], depth);
	}
}

void
Parser::fill_map(pb::Message *message, const Field *field, const Json &value,
				 int depth)
{
	const Field *key_field = field->message_type()->map_key();
	const Field *value_field = field->message_type()->map_value();
	Json		key;

	if (value.kind != Kind::OBJECT)
		fail_as(path, "an object", value);
	for (size_t i : in_order_of_keys(value, key_field))
	{
		Path::Step	step(&path, &value.names[i]);
		pb::Message *entry = message->GetReflection()->AddMessage(message,
																  field);

		key.kind = Kind::STRING;
		key.text = value.names[i];
		if (key_field->cpp_type() == Field::CPPTYPE_BOOL)
			key.kind = key.text == "true" ? Kind::YES :
				key.text == "false" ? Kind::NO : Kind::STRING;
		set(entry, key_field, key, depth);
		set(entry, value_field, value.items[i], depth + 1);
	}
}

/* One value; a repeated field gets one more. */
void
Parser::set(pb::Message *message, const Field *field, const Json &value,
			int depth)
{
	const pb::Reflection *reflection = message->GetReflection();

#define SET(type, value) (field->is_repeated() ? \
	reflection->Add##type(message, field, value) : \
	reflection->Set##type(message, field, value))
	switch (field->cpp_type())
	{
		case Field::CPPTYPE_INT32:
			SET(Int32, (int32_t) integer(path, value, INT32_MIN, INT32_MAX));
			break;
		case Field::CPPTYPE_INT64:
			SET(Int64, integer(path, value, INT64_MIN, INT64_MAX));
			break;
		case Field::CPPTYPE_UINT32:
			SET(UInt32, (uint32_t) unsigned_integer(path, value, UINT32_MAX));
			break;
		case Field::CPPTYPE_UINT64:
			SET(UInt64, unsigned_integer(path, value, UINT64_MAX));
			break;
		case Field::CPPTYPE_DOUBLE:
			SET(Double, real(path, value, false));
			break;
		case Field::CPPTYPE_FLOAT:
			SET(Float, (float) real(path, value, true));
			break;
		case Field::CPPTYPE_BOOL:
			SET(Bool, boolean(path, value));
			break;
		case Field::CPPTYPE_ENUM:
			SET(EnumValue, enum_number(path, *message, field, value));
			break;
		case Field::CPPTYPE_STRING:
			SET(String, field->type() == Field::TYPE_BYTES ?
				bytes(path, value) : text(path, value));
			break;
		case Field::CPPTYPE_MESSAGE:
			fill(field->is_repeated() ? reflection->AddMessage(message, field) :
				 reflection->MutableMessage(message, field), value, depth + 1);
			break;
	}
#undef SET
}

void
Parser::fill_instant(pb::Message *message, const Json &value, Form form)
{
	const pb::Reflection *reflection = message->GetReflection();
	Instant		instant;

	if (form == Form::TIMESTAMP && (value.kind != Kind::STRING ||
									!read_timestamp(value.text, &instant)))
		fail_as(path, "a time like \"2026-01-31T12:00:00.5Z\"", value);
	if (form == Form::DURATION && (value.kind != Kind::STRING ||
								   !read_duration(value.text, &instant)))
		fail_as(path, "a duration like \"1.5s\"", value);
	reflection->SetInt64(message, field_of(message, 1), instant.seconds);
	reflection->SetInt32(message, field_of(message, 2), instant.nanos);
}

void
Parser::fill_mask(pb::Message *message, const Json &value)
{
	size_t		at = 0;

	if (value.kind != Kind::STRING)
		fail_as(path, "a string of paths", value);
	while (at < value.text.size())
	{
		const size_t comma = std::min(value.text.find(',', at),
									  value.text.size());
		std::string snake;

		if (!snake_path(value.text.substr(at, comma - at), &snake))
			fail_as(path, "paths in lowerCamelCase", value);
		message->GetReflection()->AddString(message, field_of(message, 1),
											snake);
		at = comma + 1;
	}
}

/* A Value: the field that goes with the kind of JSON. */
void
Parser::fill_value(pb::Message *message, const Json &value, int depth)
{
	static const std::unordered_map<int, int> numbers = {
		{(int) Kind::NOTHING, 1}, {(int) Kind::NUMBER, 2},
		{(int) Kind::STRING, 3}, {(int) Kind::YES, 4}, {(int) Kind::NO, 4},
		{(int) Kind::OBJECT, 5}, {(int) Kind::ARRAY, 6}
	};

	set(message, field_of(message, numbers.at((int) value.kind)), value, depth);
}

void
Parser::fill_any(pb::Message *message, const Json &value, int depth)
{
	const pb::Reflection *reflection = message->GetReflection();
	const Json *url;

	if (value.kind != Kind::OBJECT)
		fail_as(path, "an object", value);
	if (value.items.empty())
		return;
	url = value.find("@type");
	if (url == nullptr || url->kind != Kind::STRING)
		path.fail("an Any must have a string \"@type\"");
	reflection->SetString(message, field_of(message, 1), url->text);
	reflection->SetString(message, field_of(message, 2),
						  bytes_of_any(url->text, value, depth + 1));
}

/* What an Any holds; of an unknown type what to_json made of it. */
std::string
Parser::bytes_of_any(const std::string &url, const Json &value, int depth)
{
	const pb::Descriptor *type =
		types->pool.FindMessageTypeByName(type_of_url(url));
	const bool	is_plain = type != nullptr && form_of(type) == Form::FIELDS;
	const Json *held = value.find(type == nullptr ? "value_b64" : "value");

	if (is_plain)
		return parse(type, value, &value, depth);
	if (type == nullptr && held == nullptr)
		path.fail("type \"" + url + "\" is not known");
	if (held == nullptr || value.items.size() != 2)
		path.fail("an Any of \"" + type_of_url(url) +
				  "\" must have \"@type\" and \"" +
				  (type == nullptr ? "value_b64" : "value") + "\" only");
	return type == nullptr ? bytes(path, *held) :
		parse(type, *held, nullptr, depth);
}

bool
parse(const AzTypes *types, const char *type, AzBytes json, AzArena *arena,
	  AzBytes *message, AzError *error)
{
	const pb::Descriptor *descriptor = types->pool.FindMessageTypeByName(type);
	std::string encoded;

	if (descriptor == nullptr)
		return az_error_set(error, arena, AZ_NOT_FOUND,
							"type \"%s\" is not known", type);
	try
	{
		encoded = Parser(types).parse(descriptor, read_json(json), nullptr, 1);
	}
	catch (const Fault &fault)
	{
		return az_error_set(error, arena, AZ_INVALID_ARGUMENT, "%s",
							fault.text.c_str());
	}
	const AzBytes made = {
		reinterpret_cast<const uint8_t *>(encoded.data()), encoded.size()
	};

	return az_arena_copy(arena, made, message) ||
		az_error_out_of_memory(error);
}

}								/* namespace */

}								/* namespace az_descriptor */

bool
az_json_parse(const AzTypes *types, const char *type, AzBytes json,
			  AzArena *arena, AzBytes *message, AzError *error)
{
	return az_descriptor::guard(error, [&] {
		return az_descriptor::parse(types, type, json, arena, message, error);
	});
}
