// Package shoptest is what the tests of the shop share: messages, tables of
// rules, services on free ports.
package shoptest

import (
	"encoding/json"
	"strings"
	"testing"

	angzarrv1 "angzarr.io/proto/angzarr/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// OrderID is the id of some order.
const OrderID = "92ab9191-4f7d-5ff2-adcf-93a1e494c055"

// Message makes a message from its JSON form with "@type"; names without a dot
// are of the package.
func Message(t *testing.T, text json.RawMessage, pkg string) proto.Message {
	t.Helper()
	var fields map[string]json.RawMessage
	var name string
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(fields["@type"], &name); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(name, ".") {
		name = pkg + "." + name
	}
	delete(fields, "@type")
	rest, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	kind, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(name))
	if err != nil {
		t.Fatal(err)
	}
	made := kind.New().Interface()
	if err := protojson.Unmarshal(rest, made); err != nil {
		t.Fatal(err)
	}
	return made
}

// Messages makes a list of them.
func Messages(t *testing.T, list []json.RawMessage, pkg string) []proto.Message {
	t.Helper()
	var all []proto.Message
	for _, text := range list {
		all = append(all, Message(t, text, pkg))
	}
	return all
}

// MustBeEqual compares lists of messages.
func MustBeEqual(t *testing.T, what string, got, want []proto.Message) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s are %v, want %v", what, got, want)
	}
	for i := range want {
		if !proto.Equal(got[i], want[i]) {
			t.Errorf("of the %s, number %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}

// Pack makes an Any.
func Pack(t *testing.T, message proto.Message) *anypb.Any {
	t.Helper()
	packed, err := anypb.New(message)
	if err != nil {
		t.Fatal(err)
	}
	return packed
}

// Unpack returns the message in an Any, whatever it is.
func Unpack(t *testing.T, packed *anypb.Any) proto.Message {
	t.Helper()
	message, err := packed.UnmarshalNew()
	if err != nil {
		t.Fatal(err)
	}
	return message
}

// Pages are events as they are stored, from a sequence on.
func Pages(t *testing.T, first int, history ...proto.Message) []*angzarrv1.EventPage {
	t.Helper()
	var pages []*angzarrv1.EventPage
	for i, event := range history {
		pages = append(pages, &angzarrv1.EventPage{
			Header: &angzarrv1.PageHeader{
				SequenceType: &angzarrv1.PageHeader_Sequence{Sequence: uint32(first + i)},
			},
			CreatedAt: &timestamppb.Timestamp{Seconds: 1772366400}, // 2026-03-01T12:00:00Z
			Payload:   &angzarrv1.EventPage_Event{Event: Pack(t, event)},
		})
	}
	return pages
}

// Contextual is what Angzarr sends an aggregate.
func Contextual(t *testing.T, snapshot proto.Message, history []proto.Message, commands ...proto.Message) *angzarrv1.ContextualCommand {
	t.Helper()
	book := &angzarrv1.EventBook{Pages: Pages(t, 0, history...)}
	if snapshot != nil {
		book.Snapshot = &angzarrv1.Snapshot{State: Pack(t, snapshot)}
	}
	asked := &angzarrv1.CommandBook{}
	for _, command := range commands {
		asked.Pages = append(asked.Pages, &angzarrv1.CommandPage{
			Payload: &angzarrv1.CommandPage_Command{Command: Pack(t, command)},
		})
	}
	return &angzarrv1.ContextualCommand{Events: book, Command: asked}
}

// Notification is news of Angzarr for an aggregate.
func Notification(t *testing.T, cover *angzarrv1.Cover, payload proto.Message) *angzarrv1.Notification {
	t.Helper()
	return &angzarrv1.Notification{
		Cover:   cover,
		Payload: Pack(t, payload),
		SentAt:  &timestamppb.Timestamp{Seconds: 1772366400},
	}
}

// EventsOf are the messages in the pages of a book.
func EventsOf(t *testing.T, book *angzarrv1.EventBook) []proto.Message {
	t.Helper()
	var events []proto.Message
	for _, page := range book.GetPages() {
		events = append(events, Unpack(t, page.GetEvent()))
	}
	return events
}

// CommandsOf are the commands in books of one page, whose headers must have
// been left to Angzarr.
func CommandsOf(t *testing.T, books []*angzarrv1.CommandBook) []proto.Message {
	t.Helper()
	var commands []proto.Message
	for _, book := range books {
		if len(book.Pages) != 1 || book.Pages[0].Header != nil {
			t.Errorf("a command is %v", book)
		}
		commands = append(commands, Unpack(t, book.Pages[0].GetCommand()))
	}
	return commands
}
