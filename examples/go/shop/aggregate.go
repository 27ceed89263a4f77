// Lets Angzarr call the rules of a domain: books and commands in, events or a
// rejection out.
//
// Angzarr sends what has happened to one aggregate (an EventBook: perhaps a
// snapshot, then the events after it) together with the command. The service
// holds nothing between two calls, so any number of copies of it may run.

package shop

import (
	"context"
	"errors"
	"fmt"
	"strings"

	angzarrv1 "angzarr.io/proto/angzarr/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// Rules are those of one domain; S is the message that its events add up to.
// They know neither gRPC nor Angzarr.
type Rules[S proto.Message] struct {
	Domain   string
	NewState func() S
	// Decide returns the events that a command causes, or a *Rejection.
	Decide func(state S, command proto.Message) ([]proto.Message, error)
	// Apply changes the state to what it is after the event.
	Apply func(state S, event proto.Message) error
	// Undo has, by their full names, the commands whose effects can be undone;
	// the cause is the id of the aggregate whose event had led to the command.
	Undo map[string]func(state S, cause, reason string) ([]proto.Message, error)
	// Rejected returns what a rejection of something that the aggregate has
	// caused makes of it, or *TooLate; nil where nobody is told of rejections.
	Rejected func(state S, reason string) ([]proto.Message, error)
}

// Aggregate answers the calls of Angzarr. HandleFact is left out: nothing but
// our own decisions happens in the shop.
type Aggregate[S proto.Message] struct {
	angzarrv1.UnimplementedCommandHandlerServiceServer
	Rules         Rules[S]
	SnapshotEvery int
}

func (a *Aggregate[S]) Handle(_ context.Context, request *angzarrv1.ContextualCommand) (*angzarrv1.BusinessResponse, error) {
	var late *TooLate

	book, err := a.answer(request)
	if errors.As(err, &late) {
		return revocation(late), nil
	}
	if err != nil {
		return nil, StatusOf(a.Rules.Domain, err)
	}
	return &angzarrv1.BusinessResponse{
		Result: &angzarrv1.BusinessResponse_Events{Events: book},
	}, nil
}

func (a *Aggregate[S]) Replay(_ context.Context, request *angzarrv1.ReplayRequest) (*angzarrv1.ReplayResponse, error) {
	state, err := a.fold(request.GetBaseSnapshot(), request.GetEvents())
	if err != nil {
		return nil, StatusOf(a.Rules.Domain, err)
	}
	packed, err := anypb.New(state)
	if err != nil {
		return nil, StatusOf(a.Rules.Domain, err)
	}
	return &angzarrv1.ReplayResponse{State: packed}, nil
}

// answer runs the commands of one book, each on what the ones before it left.
func (a *Aggregate[S]) answer(request *angzarrv1.ContextualCommand) (*angzarrv1.EventBook, error) {
	loaded := request.GetEvents().GetPages()
	state, err := a.fold(request.GetEvents().GetSnapshot(), loaded)
	if err != nil {
		return nil, err
	}
	book := &angzarrv1.EventBook{}
	for _, page := range request.GetCommand().GetPages() {
		decided, err := a.decide(state, page)
		if err != nil {
			return nil, err
		}
		if err := a.record(book, state, decided); err != nil {
			return nil, err
		}
	}
	if a.isSnapshotDue(len(loaded), len(book.Pages)) {
		packed, err := anypb.New(state)
		if err != nil {
			return nil, err
		}
		book.Snapshot = &angzarrv1.Snapshot{State: packed}
	}
	return book, nil
}

func (a *Aggregate[S]) decide(state S, page *angzarrv1.CommandPage) ([]proto.Message, error) {
	command, err := Unpack(page.GetCommand())
	if err != nil {
		return nil, err
	}
	if news, ok := command.(*angzarrv1.Notification); ok {
		return a.react(state, news, page.GetHeader().GetAngzarrDeferred().GetSource())
	}
	return a.Rules.Decide(state, command)
}

// react answers news of Angzarr about something that this aggregate caused, or
// that was done to it; source is the aggregate whose event had caused that.
func (a *Aggregate[S]) react(state S, news *angzarrv1.Notification, source *angzarrv1.Cover) ([]proto.Message, error) {
	var rejection angzarrv1.RejectionNotification
	var compensate angzarrv1.Compensate

	payload := news.GetPayload()
	switch {
	case payload.MessageIs(&rejection):
		if err := unpackTo(payload, &rejection); err != nil {
			return nil, err
		}
		if a.Rules.Rejected == nil {
			return nil, &notUnderstood{fmt.Sprintf("%q causes nothing elsewhere", a.Rules.Domain)}
		}
		return a.Rules.Rejected(state, RejectionReason(&rejection))
	case payload.MessageIs(&compensate):
		if err := unpackTo(payload, &compensate); err != nil {
			return nil, err
		}
		return a.compensate(state, &compensate, source)
	}
	return nil, &notUnderstood{fmt.Sprintf("no news of type %q are known", payload.MessageName())}
}

// compensate undoes a command that was carried out.
func (a *Aggregate[S]) compensate(state S, news *angzarrv1.Compensate, source *angzarrv1.Cover) ([]proto.Message, error) {
	name := news.CommandType[strings.LastIndex(news.CommandType, "/")+1:]
	undo := a.Rules.Undo[name]
	if undo == nil {
		return nil, &notUnderstood{fmt.Sprintf("a %q cannot be undone", news.CommandType)}
	}
	if len(news.Sequences) == 0 {
		return nil, nil
	}
	reason := news.Reason
	if reason == "" {
		reason = "undone without a reason"
	}
	return undo(state, IDOf(source), reason)
}

// RejectionReason is the best that a rejection says about its reason.
func RejectionReason(news *angzarrv1.RejectionNotification) string {
	switch {
	case news.RejectionReason != "":
		return news.RejectionReason
	case news.Code != "":
		return news.Code
	}
	return "rejected without a reason"
}

// record adds what was decided to the answer and to the state.
func (a *Aggregate[S]) record(book *angzarrv1.EventBook, state S, decided []proto.Message) error {
	for _, event := range decided {
		if err := a.Rules.Apply(state, event); err != nil {
			return err
		}
		page, err := EventPage(event)
		if err != nil {
			return err
		}
		book.Pages = append(book.Pages, page)
	}
	return nil
}

func (a *Aggregate[S]) isSnapshotDue(loaded, decided int) bool {
	return a.SnapshotEvery > 0 && decided > 0 && loaded+decided >= a.SnapshotEvery
}

// fold returns the state that a snapshot and the events after it add up to.
func (a *Aggregate[S]) fold(snapshot *angzarrv1.Snapshot, pages []*angzarrv1.EventPage) (S, error) {
	state := a.Rules.NewState()
	if snapshot.GetState() != nil {
		message, err := Unpack(snapshot.GetState())
		if err != nil {
			return state, err
		}
		held, ok := message.(S)
		if !ok {
			return state, Unknown(message, "state")
		}
		state = held
	}
	for _, page := range pages {
		event, err := Unpack(page.GetEvent())
		if err != nil {
			return state, err
		}
		if err := a.Rules.Apply(state, event); err != nil {
			return state, err
		}
	}
	return state, nil
}

func unpackTo(packed *anypb.Any, into proto.Message) error {
	if err := packed.UnmarshalTo(into); err != nil {
		return &UnknownMessage{fmt.Sprintf("a %q cannot be read: %v", packed.MessageName(), err)}
	}
	return nil
}

// revocation says: not undone, keep it as a dead letter, and tell the operator.
func revocation(late *TooLate) *angzarrv1.BusinessResponse {
	return &angzarrv1.BusinessResponse{Result: &angzarrv1.BusinessResponse_Revocation{
		Revocation: &angzarrv1.RevocationResponse{
			SendToDeadLetterQueue: true,
			Escalate:              true,
			Reason:                late.Message,
		},
	}}
}
