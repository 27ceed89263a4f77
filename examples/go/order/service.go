// Lets Angzarr call the rules: books and commands in, events or a rejection out.
//
// Angzarr sends what has happened to one order (an EventBook: perhaps a
// snapshot, then the events after it) together with the command. The service
// holds nothing between two calls, so any number of copies of it may run.

package main

import (
	"context"
	"errors"
	"fmt"

	angzarrv1 "angzarr.io/proto/angzarr/v1"
	orderv1 "angzarr.io/proto/shop/order/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// service answers the calls of Angzarr. HandleFact is left out: nothing but
// our own decisions happens to an order.
type service struct {
	angzarrv1.UnimplementedCommandHandlerServiceServer
	snapshotEvery int
}

// unknownMessage says that a message is none of those expected, or does not
// decode.
type unknownMessage struct{ text string }

func (u *unknownMessage) Error() string { return u.text }

func unknown(message proto.Message, kind string) error {
	return &unknownMessage{fmt.Sprintf("%q is not a known %s",
		message.ProtoReflect().Descriptor().FullName(), kind)}
}

func (s *service) Handle(_ context.Context, request *angzarrv1.ContextualCommand) (*angzarrv1.BusinessResponse, error) {
	book, err := s.answer(request)
	if err != nil {
		return nil, statusOf(err)
	}
	return &angzarrv1.BusinessResponse{
		Result: &angzarrv1.BusinessResponse_Events{Events: book},
	}, nil
}

func (s *service) Replay(_ context.Context, request *angzarrv1.ReplayRequest) (*angzarrv1.ReplayResponse, error) {
	state, err := fold(request.GetBaseSnapshot(), request.GetEvents())
	if err != nil {
		return nil, statusOf(err)
	}
	packed, err := anypb.New(state)
	if err != nil {
		return nil, statusOf(err)
	}
	return &angzarrv1.ReplayResponse{State: packed}, nil
}

// answer runs the commands of one book, each on what the ones before it left.
func (s *service) answer(request *angzarrv1.ContextualCommand) (*angzarrv1.EventBook, error) {
	loaded := request.GetEvents().GetPages()
	state, err := fold(request.GetEvents().GetSnapshot(), loaded)
	if err != nil {
		return nil, err
	}
	book := &angzarrv1.EventBook{}
	for _, page := range request.GetCommand().GetPages() {
		command, err := unpack(page.GetCommand())
		if err != nil {
			return nil, err
		}
		decided, err := decide(state, command)
		if err != nil {
			return nil, err
		}
		if err := record(book, state, decided); err != nil {
			return nil, err
		}
	}
	if s.isSnapshotDue(len(loaded), len(book.Pages)) {
		packed, err := anypb.New(state)
		if err != nil {
			return nil, err
		}
		book.Snapshot = &angzarrv1.Snapshot{State: packed}
	}
	return book, nil
}

// record adds what was decided to the answer and to the state.
func record(book *angzarrv1.EventBook, state *orderv1.OrderState, decided []proto.Message) error {
	for _, event := range decided {
		if err := apply(state, event); err != nil {
			return err
		}
		packed, err := anypb.New(event)
		if err != nil {
			return err
		}
		book.Pages = append(book.Pages, &angzarrv1.EventPage{
			Payload: &angzarrv1.EventPage_Event{Event: packed},
		})
	}
	return nil
}

func (s *service) isSnapshotDue(loaded, decided int) bool {
	return s.snapshotEvery > 0 && decided > 0 && loaded+decided >= s.snapshotEvery
}

// fold returns the state that a snapshot and the events after it add up to.
func fold(snapshot *angzarrv1.Snapshot, pages []*angzarrv1.EventPage) (*orderv1.OrderState, error) {
	state := &orderv1.OrderState{}
	if snapshot.GetState() != nil {
		message, err := unpack(snapshot.GetState())
		if err != nil {
			return nil, err
		}
		held, ok := message.(*orderv1.OrderState)
		if !ok {
			return nil, unknown(message, "state")
		}
		state = held
	}
	for _, page := range pages {
		event, err := unpack(page.GetEvent())
		if err != nil {
			return nil, err
		}
		if err := apply(state, event); err != nil {
			return nil, err
		}
	}
	return state, nil
}

// unpack returns the message in an Any; what stands before the last "/" of its
// type is of no meaning.
func unpack(packed *anypb.Any) (proto.Message, error) {
	message, err := packed.UnmarshalNew()
	if err != nil {
		return nil, &unknownMessage{fmt.Sprintf("a %q cannot be read: %v",
			packed.MessageName(), err)}
	}
	return message, nil
}

// statusOf turns an error into the status that the caller gets: a broken rule
// carries its reason as details.
func statusOf(err error) error {
	var rejection *Rejection
	var unknown *unknownMessage

	switch {
	case errors.As(err, &rejection):
		return withReason(codes.FailedPrecondition, rejection.Reason, err)
	case errors.As(err, &unknown):
		return withReason(codes.InvalidArgument, "UNKNOWN_MESSAGE", err)
	}
	return status.Error(codes.Internal, err.Error())
}

func withReason(code codes.Code, reason string, err error) error {
	plain := status.New(code, err.Error())
	detailed, failure := plain.WithDetails(&errdetails.ErrorInfo{Reason: reason, Domain: "order"})
	if failure != nil {
		return plain.Err()
	}
	return detailed.Err()
}
