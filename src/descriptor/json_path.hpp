/* Where in a message one is, for what is said about a fault. */
#ifndef AZ_DESCRIPTOR_JSON_PATH_HPP
#define AZ_DESCRIPTOR_JSON_PATH_HPP

#include "descriptor/library.hpp"

namespace az_descriptor
{

class Path
{
public:
	/* A step down that ends with the block it is in; it borrows the name. */
	class Step
	{
	public:
		Step(Path *entered, const std::string *name, int index = -1)
			: path(entered)
		{
			path->steps.push_back({name, index});
		}
		~Step()
		{
			path->steps.pop_back();
		}
		Step(const Step &) = delete;
		Step &operator=(const Step &) = delete;

	private:
		Path	   *path;
	};

	/* Throws it with the place in front: "field \"items[2].price\": ". */
	[[noreturn]] void
	fail(const std::string &what) const
	{
		std::string place;

		for (const Place &step : steps)
		{
			if (step.name != nullptr)
				place += (place.empty() ? "" : ".") + *step.name;
			if (step.index >= 0)
				place += "[" + std::to_string(step.index) + "]";
		}
		throw Fault{place.empty() ? what : "field \"" + place + "\": " + what};
	}

private:
	struct Place
	{
		const std::string *name;	/* nullptr: the index alone */
		int			index;
	};

	std::vector<Place> steps;
};

/* What full names of well-known types stand for in JSON. */
enum class Form
{
	FIELDS,						/* any other message */
	ANY,
	DURATION,
	FIELD_MASK,
	LIST,
	STRUCT,
	TIMESTAMP,
	VALUE,
	WRAPPER
};

Form		form_of(const pb::Descriptor *type);

/* The type after the last slash of an Any's URL. */
std::string type_of_url(const std::string &url);

/* Whether it is the enum that JSON's null stands for. */
bool		is_null_value(const pb::FieldDescriptor *field);

/* An extension is called by its full name in brackets. */
std::string name_of(const pb::FieldDescriptor *field);

}								/* namespace az_descriptor */

#endif
