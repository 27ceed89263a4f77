package shop

import (
	"errors"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// StatusOf turns an error into the status that the caller gets: what rules and
// messages say carries its reason as details.
func StatusOf(domain string, err error) error {
	var rejection *Rejection
	var unknown *UnknownMessage
	var news *notUnderstood

	switch {
	case errors.As(err, &rejection):
		return withReason(codes.FailedPrecondition, domain, rejection.Reason, err)
	case errors.As(err, &unknown):
		return withReason(codes.InvalidArgument, domain, "UNKNOWN_MESSAGE", err)
	case errors.As(err, &news):
		return withReason(codes.Unimplemented, domain, "UNKNOWN_NOTIFICATION", err)
	}
	return status.Error(codes.Internal, err.Error())
}

func withReason(code codes.Code, domain, reason string, err error) error {
	plain := status.New(code, err.Error())
	detailed, failure := plain.WithDetails(&errdetails.ErrorInfo{Reason: reason, Domain: domain})
	if failure != nil {
		return plain.Err()
	}
	return detailed.Err()
}
