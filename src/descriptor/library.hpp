/*
 * What the files of this room share of libprotobuf: the types, and the border
 * where what the library throws becomes an error.
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
	mutable pb::DynamicMessageFactory factory;
	std::vector<std::string> names; /* of users' files */
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

inline bool
refuse(AzArena *arena, AzError *error, const std::string &text)
{
	return az_error_set(error, arena, AZ_INVALID_ARGUMENT, "%s", text.c_str());
}

#endif
