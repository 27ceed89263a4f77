/* In which fields two messages of a type that is known at run time differ. */
#include "descriptor/library.hpp"

#include <google/protobuf/util/field_comparator.h>
#include <google/protobuf/util/message_differencer.h>

#include <memory>
#include <set>

using pb::util::MessageDifferencer;

namespace
{

/* Which top-level fields differ: the first step of each path. */
class TopFields : public MessageDifferencer::Reporter
{
public:
	void
	ReportAdded(const pb::Message &, const pb::Message &,
				const std::vector<MessageDifferencer::SpecificField> &path) override
	{
		note(path);
	}

	void
	ReportDeleted(const pb::Message &, const pb::Message &,
				  const std::vector<MessageDifferencer::SpecificField> &path) override
	{
		note(path);
	}

	void
	ReportModified(const pb::Message &, const pb::Message &,
				   const std::vector<MessageDifferencer::SpecificField> &path) override
	{
		note(path);
	}

	std::set<uint32_t> numbers;

private:
	void
	note(const std::vector<MessageDifferencer::SpecificField> &path)
	{
		const MessageDifferencer::SpecificField &top = path.front();

		numbers.insert((uint32_t) (top.field != nullptr ?
								   top.field->number() :
								   top.unknown_field_number));
	}
};

/* An empty message of a known type; the factory keeps what it is made from. */
std::unique_ptr<pb::Message>
new_message(const AzTypes *types, const pb::Descriptor *type)
{
	return std::unique_ptr<pb::Message>(types->factory.GetPrototype(type)->New());
}

bool
parse(pb::Message *message, AzBytes bytes)
{
	return bytes.len <= INT32_MAX &&
		message->ParsePartialFromArray(bytes.data, (int) bytes.len);
}

std::set<uint32_t>
compare(const pb::Message &one, const pb::Message &other,
		MessageDifferencer::MessageFieldComparison how)
{
	pb::util::DefaultFieldComparator comparator;
	MessageDifferencer differencer;
	TopFields	top;

	comparator.set_treat_nan_as_equal(true);
	differencer.set_field_comparator(&comparator);
	differencer.set_message_field_comparison(how);
	differencer.ReportDifferencesTo(&top);
	differencer.Compare(one, other);
	return top.numbers;
}

/*
 * What differs but for defaults that are set; and where fields differ that
 * the descriptors do not know, at any depth: only the strict comparison sees
 * those, and no longer when they are taken away.
 */
std::set<uint32_t>
all_differences(pb::Message *one, pb::Message *other)
{
	std::set<uint32_t> numbers =
		compare(*one, *other, MessageDifferencer::EQUIVALENT);
	const std::set<uint32_t> strict =
		compare(*one, *other, MessageDifferencer::EQUAL);

	one->DiscardUnknownFields();
	other->DiscardUnknownFields();
	const std::set<uint32_t> known =
		compare(*one, *other, MessageDifferencer::EQUAL);
	for (uint32_t number : strict)
		if (known.count(number) == 0)
			numbers.insert(number);
	return numbers;
}

bool
differences(const AzTypes *types, const char *name, AzBytes before,
			AzBytes after, std::set<uint32_t> *numbers, AzArena *arena,
			AzError *error)
{
	const pb::Descriptor *type = types->pool.FindMessageTypeByName(name);

	if (type == nullptr)
		return refuse(arena, error, "message \"" + std::string(name) + "\" is not known");
	std::unique_ptr<pb::Message> one = new_message(types, type);
	std::unique_ptr<pb::Message> other = new_message(types, type);
	if (!parse(one.get(), before) || !parse(other.get(), after))
		return refuse(arena, error, "what should be a " + std::string(name) + " does not decode");
	*numbers = all_differences(one.get(), other.get());
	return true;
}

}								/* namespace */

bool
az_types_differences(const AzTypes *types, const char *type, AzBytes before,
					AzBytes after, AzArena *arena, uint32_t **numbers,
					size_t *count, AzError *error)
{
	return guard(error, [&] {
		std::set<uint32_t> differing;

		if (!differences(types, type, before, after, &differing, arena, error))
			return false;
		*count = 0;
		*numbers = static_cast<uint32_t *>(
			az_arena_array(arena, differing.size() + 1, sizeof(uint32_t)));
		if (*numbers == nullptr)
			return az_error_out_of_memory(error);
		for (uint32_t number : differing)
			(*numbers)[(*count)++] = number;
		return true;
	});
}
