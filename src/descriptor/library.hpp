/*
 * What the files of this room share: libprotobuf, and the border to C.
 *
 * Every function of the C headers runs its body in "guard", which turns what
 * the library throws (memory, its own failed checks) into an error, so that
 * nothing passes through a frame of C.
 */
#ifndef AZ_DESCRIPTOR_LIBRARY_HPP
#define AZ_DESCRIPTOR_LIBRARY_HPP

extern "C"
{
#include "descriptor/types.h"
}

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>

#include <string>
#include <vector>

namespace pb = google::protobuf;

struct AzTypes
{
	pb::DescriptorPool pool;
	/* Makes messages of the pool's types; it keeps a lock of its own. */
	mutable pb::DynamicMessageFactory factory{&pool};
	std::vector<std::string> names; /* of users' files */
};

namespace az_descriptor
{

/* What is wrong with an input: thrown here, an error at the border. */
struct Fault
{
	std::string text;
};

/* Runs a body that may throw; false with the error when it did. */
template <typename Body>
bool
guard(AzError *error, Body body)
{
	try
	{
		return body();
	}
	catch (const std::bad_alloc &)
	{
		return az_error_out_of_memory(error);
	}
	catch (...)
	{
		return az_error_set(error, nullptr, AZ_INTERNAL,
							"the library of descriptors met a fault of its own");
	}
}

}								/* namespace az_descriptor */

#endif
