/* What types and fields are in JSON. */
#include "descriptor/json_path.hpp"

#include <unordered_map>

namespace az_descriptor
{

Form
form_of(const pb::Descriptor *type)
{
	static const std::unordered_map<std::string, Form> forms = {
		{"google.protobuf.Any", Form::ANY},
		{"google.protobuf.BoolValue", Form::WRAPPER},
		{"google.protobuf.BytesValue", Form::WRAPPER},
		{"google.protobuf.DoubleValue", Form::WRAPPER},
		{"google.protobuf.Duration", Form::DURATION},
		{"google.protobuf.FieldMask", Form::FIELD_MASK},
		{"google.protobuf.FloatValue", Form::WRAPPER},
		{"google.protobuf.Int32Value", Form::WRAPPER},
		{"google.protobuf.Int64Value", Form::WRAPPER},
		{"google.protobuf.ListValue", Form::LIST},
		{"google.protobuf.StringValue", Form::WRAPPER},
		{"google.protobuf.Struct", Form::STRUCT},
		{"google.protobuf.Timestamp", Form::TIMESTAMP},
		{"google.protobuf.UInt32Value", Form::WRAPPER},
		{"google.protobuf.UInt64Value", Form::WRAPPER},
		{"google.protobuf.Value", Form::VALUE}
	};
	const auto	found = forms.find(type->full_name());

	return found == forms.end() ? Form::FIELDS : found->second;
}

std::string
type_of_url(const std::string &url)
{
	const size_t slash = url.rfind('/');

	return slash == std::string::npos ? url : url.substr(slash + 1);
}

bool
is_null_value(const pb::FieldDescriptor *field)
{
	return field->cpp_type() == pb::FieldDescriptor::CPPTYPE_ENUM &&
		field->enum_type()->full_name() == "google.protobuf.NullValue";
}

std::string
name_of(const pb::FieldDescriptor *field)
{
	return field->is_extension() ? "[" + field->full_name() + "]" :
		field->json_name();
}

}								/* namespace az_descriptor */
