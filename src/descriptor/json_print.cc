/* Encoded messages as JSON, over what the library says about their fields. */
extern "C"
{
#include "codec/utf8.h"
#include "descriptor/json.h"
}
#include "descriptor/json_forms.hpp"
#include "descriptor/json_path.hpp"
#include "descriptor/json_number.hpp"
#include "descriptor/json_text.hpp"

#include <cmath>
#include <map>
#include <memory>

namespace az_descriptor
{

namespace
{

typedef pb::FieldDescriptor Field;

class Printer
{
public:
	explicit Printer(const AzTypes *known) : types(known)
	{
	}

	void
	print(const pb::Descriptor *type, const std::string &bytes, int depth)
	{
		print_message(*parse(type, bytes), depth);
	}

	std::string out;

private:
	std::unique_ptr<pb::Message> parse(const pb::Descriptor *type,
									   const std::string &bytes);
	void		print_message(const pb::Message &message, int depth);
	void		print_fields(const pb::Message &message, bool is_first,
							 int depth);
	void		print_field(const pb::Message &message, const Field *field,
							int depth);
	void		print_list(const pb::Message &message, const Field *field,
						   int depth);
	void		print_map(const pb::Message &message, const Field *field,
						  int depth);
	void		print_value(const pb::Message &message, const Field *field,
							int index, int depth);
	void		print_text(const std::string &text);
	template <typename Number> void print_real(Number value);
	void		print_enum(const Field *field, int number);
	void		print_instant(const pb::Message &message, Form form);
	void		print_mask(const pb::Message &message);
	void		print_struct_value(const pb::Message &message, int depth);
	void		print_any(const pb::Message &message, int depth);
	void		print_unknown(const std::string &url, const std::string &bytes);

	const AzTypes *types;
	Path		path;
};

/* A field of a type that is known to have it. */
const Field *
field_of(const pb::Message &message, int number)
{
	return message.GetDescriptor()->FindFieldByNumber(number);
}

std::unique_ptr<pb::Message>
Printer::parse(const pb::Descriptor *type, const std::string &bytes)
{
	std::unique_ptr<pb::Message> message(types->factory.GetPrototype(type)->New());

	if (bytes.size() > INT32_MAX ||
		!message->ParsePartialFromArray(bytes.data(), (int) bytes.size()))
		path.fail("it is not an encoded \"" + type->full_name() + "\"");
	return message;
}

void
Printer::print_message(const pb::Message &message, int depth)
{
	const Form	form = form_of(message.GetDescriptor());

	if (depth > AZ_JSON_MAX_DEPTH)
		path.fail("it is nested more than " +
				  std::to_string(AZ_JSON_MAX_DEPTH) + " deep");
	switch (form)
	{
		case Form::ANY:
			print_any(message, depth);
			break;
		case Form::DURATION:
		case Form::TIMESTAMP:
			print_instant(message, form);
			break;
		case Form::FIELD_MASK:
			print_mask(message);
			break;
		case Form::LIST:
			print_list(message, field_of(message, 1), depth);
			break;
		case Form::STRUCT:
			print_map(message, field_of(message, 1), depth);
			break;
		case Form::VALUE:
			print_struct_value(message, depth);
			break;
		case Form::WRAPPER:
			print_value(message, field_of(message, 1), -1, depth);
			break;
		case Form::FIELDS:
			out.push_back('{');
			print_fields(message, true, depth);
			out.push_back('}');
			break;
	}
}

/* Those that are set, by number. */
void
Printer::print_fields(const pb::Message &message, bool is_first, int depth)
{
	std::vector<const Field *> fields;

	message.GetReflection()->ListFields(message, &fields);
	for (const Field *field : fields)
	{
		const std::string name = name_of(field);
		Path::Step	step(&path, &name);

		if (!is_first)
			out.push_back(',');
		is_first = false;
		append_quoted(name, &out);
		out.push_back(':');
		print_field(message, field, depth);
	}
}

void
Printer::print_field(const pb::Message &message, const Field *field,
					 int depth)
{
	if (field->is_map())
		print_map(message, field, depth);
	else if (field->is_repeated())
		print_list(message, field, depth);
	else
		print_value(message, field, -1, depth);
}

void
Printer::print_list(const pb::Message &message, const Field *field, int depth)
{
	const int	count = message.GetReflection()->FieldSize(message, field);

	out.push_back('[');
	for (int i = 0; i < count; i++)
	{
		Path::Step	step(&path, nullptr, i);

		if (i > 0)
			out.push_back(',');
		print_value(message, field, i, depth);
	}
	out.push_back(']');
}

/* In order of the keys; of two entries with the same one the last counts. */
void
Printer::print_map(const pb::Message &message, const Field *field, int depth)
{
	const pb::Reflection *reflection = message.GetReflection();
	const Field *key_field = field->message_type()->map_key();
	const Field *value_field = field->message_type()->map_value();
	const int	count = reflection->FieldSize(message, field);
	std::map<std::string, int> entries;
	bool		is_first = true;

	for (int i = 0; i < count; i++)
	{
		const pb::Message &entry =
			reflection->GetRepeatedMessage(message, field, i);
		std::string key;

		out.swap(key);
		print_value(entry, key_field, -1, depth);
		out.swap(key);
		entries[key[0] == '"' ? key : "\"" + key + "\""] = i;
	}
	out.push_back('{');
	for (const auto &named : entries)
	{
		const std::string name = named.first.substr(1, named.first.size() - 2);
		Path::Step	step(&path, &name);

		if (!is_first)
			out.push_back(',');
		is_first = false;
		out += named.first;
		out.push_back(':');
		print_value(reflection->GetRepeatedMessage(message, field,
												   named.second),
					value_field, -1, depth);
	}
	out.push_back('}');
}

/* One value, of a repeated field the one at "index". */
void
Printer::print_value(const pb::Message &message, const Field *field, int index,
					 int depth)
{
	const pb::Reflection *reflection = message.GetReflection();
	std::string scratch;

#define VALUE(type) (index < 0 ? reflection->Get##type(message, field) : \
	reflection->GetRepeated##type(message, field, index))
	switch (field->cpp_type())
	{
		case Field::CPPTYPE_INT32:
			out += std::to_string(VALUE(Int32));
			break;
		case Field::CPPTYPE_UINT32:
			out += std::to_string(VALUE(UInt32));
			break;
		case Field::CPPTYPE_INT64:
			out += "\"" + std::to_string(VALUE(Int64)) + "\"";
			break;
		case Field::CPPTYPE_UINT64:
			out += "\"" + std::to_string(VALUE(UInt64)) + "\"";
			break;
		case Field::CPPTYPE_DOUBLE:
			print_real(VALUE(Double));
			break;
		case Field::CPPTYPE_FLOAT:
			print_real(VALUE(Float));
			break;
		case Field::CPPTYPE_BOOL:
			out += VALUE(Bool) ? "true" : "false";
			break;
		case Field::CPPTYPE_ENUM:
			print_enum(field, VALUE(EnumValue));
			break;
		case Field::CPPTYPE_MESSAGE:
			print_message(VALUE(Message), depth + 1);
			break;
		case Field::CPPTYPE_STRING:
			scratch = VALUE(String);
			if (field->type() == Field::TYPE_BYTES)
				out += "\"" + base64_of(scratch) + "\"";
			else
				print_text(scratch);
			break;
	}
#undef VALUE
}

void
Printer::print_text(const std::string &text)
{
	const AzBytes bytes = {
		reinterpret_cast<const uint8_t *>(text.data()), text.size()
	};

	if (!az_utf8_is_valid(bytes))
		path.fail("its text is not UTF-8");
	if (text.find('\0') != std::string::npos)
		path.fail("its text has a zero byte, which no text here can hold");
	append_quoted(text, &out);
}

template <typename Number>
void
Printer::print_real(Number value)
{
	if (std::isnan(value))
		out += "\"NaN\"";
	else if (std::isinf(value))
		out += value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
	else
		append_number(value, &out);
}

void
Printer::print_enum(const Field *field, int number)
{
	const pb::EnumValueDescriptor *value =
		field->enum_type()->FindValueByNumber(number);

	if (is_null_value(field))
		out += "null";
	else if (value != nullptr)
		append_quoted(value->name(), &out);
	else
		out += std::to_string(number);
}

void
Printer::print_instant(const pb::Message &message, Form form)
{
	const pb::Reflection *reflection = message.GetReflection();
	Instant		instant;
	std::string text;

	instant.seconds = reflection->GetInt64(message, field_of(message, 1));
	instant.nanos = reflection->GetInt32(message, field_of(message, 2));
	if (form == Form::TIMESTAMP ? !timestamp_text(instant, &text) :
		!duration_text(instant, &text))
		path.fail(std::to_string(instant.seconds) + " s and " +
				  std::to_string(instant.nanos) + " ns are out of the range of " +
				  message.GetDescriptor()->full_name());
	append_quoted(text, &out);
}

void
Printer::print_mask(const pb::Message &message)
{
	const pb::Reflection *reflection = message.GetReflection();
	const Field *paths = field_of(message, 1);
	const int	count = reflection->FieldSize(message, paths);
	std::string text;

	for (int i = 0; i < count; i++)
	{
		std::string camel;

		if (!camel_path(reflection->GetRepeatedString(message, paths, i),
						&camel))
			path.fail("a path of its mask is not in lower_case_with_underscores");
		text += (i > 0 ? "," : "") + camel;
	}
	print_text(text);
}

/* A Value: whatever of its fields is set, null when none is. */
void
Printer::print_struct_value(const pb::Message &message, int depth)
{
	const pb::Reflection *reflection = message.GetReflection();
	const Field *field = reflection->GetOneofFieldDescriptor(message,
															 message.GetDescriptor()->oneof_decl(0));

	if (field == nullptr)
	{
		out += "null";
		return;
	}
	if (field->cpp_type() == Field::CPPTYPE_DOUBLE &&
		!std::isfinite(reflection->GetDouble(message, field)))
		path.fail("a google.protobuf.Value cannot be NaN or infinite");
	print_value(message, field, -1, depth);
}

void
Printer::print_any(const pb::Message &message, int depth)
{
	const pb::Reflection *reflection = message.GetReflection();
	const std::string url = reflection->GetString(message,
												  field_of(message, 1));
	const std::string bytes = reflection->GetString(message,
													field_of(message, 2));
	const pb::Descriptor *type =
		types->pool.FindMessageTypeByName(type_of_url(url));

	if (url.empty() && bytes.empty())
	{
		out += "{}";
		return;
	}
	if (type == nullptr)
	{
		print_unknown(url, bytes);
		return;
	}
	const std::unique_ptr<pb::Message> held = parse(type, bytes);

	out += "{\"@type\":";
	print_text(url);
	if (form_of(type) == Form::FIELDS)
	{
		if (depth >= AZ_JSON_MAX_DEPTH)
			path.fail("it is nested more than " +
					  std::to_string(AZ_JSON_MAX_DEPTH) + " deep");
		print_fields(*held, false, depth + 1);
	}
	else
	{
		out += ",\"value\":";
		print_message(*held, depth + 1);
	}
	out.push_back('}');
}

void
Printer::print_unknown(const std::string &url, const std::string &bytes)
{
	out += "{\"@type\":";
	print_text(url);
	out += ",\"value_b64\":\"" + base64_of(bytes) + "\"}";
}

bool
print(const AzTypes *types, const char *type, AzBytes message, AzArena *arena,
	  AzBytes *json, AzError *error)
{
	const pb::Descriptor *descriptor = types->pool.FindMessageTypeByName(type);
	Printer		printer(types);

	if (descriptor == nullptr)
		return az_error_set(error, arena, AZ_NOT_FOUND,
							"type \"%s\" is not known", type);
	try
	{
		printer.print(descriptor,
					  std::string(reinterpret_cast<const char *>(message.data),
								  message.len), 1);
	}
	catch (const Fault &fault)
	{
		return az_error_set(error, arena, AZ_INVALID_ARGUMENT, "%s",
							fault.text.c_str());
	}
	const AzBytes made = {
		reinterpret_cast<const uint8_t *>(printer.out.data()),
		printer.out.size()
	};

	return az_arena_copy(arena, made, json) || az_error_out_of_memory(error);
}

}								/* namespace */

}								/* namespace az_descriptor */

bool
az_json_print(const AzTypes *types, const char *type, AzBytes message,
			  AzArena *arena, AzBytes *json, AzError *error)
{
	return az_descriptor::guard(error, [&] {
		return az_descriptor::print(types, type, message, arena, json, error);
	});
}
