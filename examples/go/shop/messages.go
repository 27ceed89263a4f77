// Reads the messages in books, and names aggregates.

package shop

import (
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	angzarrv1 "angzarr.io/proto/angzarr/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/anypb"
)

// namespaceOID is the name space of RFC 4122 that the SQL function
// angzarr.root_of uses.
const namespaceOID = "6ba7b812-9dad-11d1-80b4-00c04fd430c8"

// Unpack returns the message in an Any; what stands before the last "/" of its
// type is of no meaning.
func Unpack(packed *anypb.Any) (proto.Message, error) {
	message, err := packed.UnmarshalNew()
	if err != nil {
		return nil, &UnknownMessage{fmt.Sprintf("a %q cannot be read: %v",
			packed.MessageName(), err)}
	}
	return message, nil
}

// UnpackKnown is the same for those who listen to events of others: nil for a
// type this program has never heard of, since most of what happens elsewhere is
// no concern of theirs.
func UnpackKnown(packed *anypb.Any) (proto.Message, error) {
	_, err := protoregistry.GlobalTypes.FindMessageByURL(packed.GetTypeUrl())
	if errors.Is(err, protoregistry.NotFound) {
		return nil, nil
	}
	return Unpack(packed)
}

// EventPage is a page with this event; its header is left to Angzarr.
func EventPage(event proto.Message) (*angzarrv1.EventPage, error) {
	packed, err := anypb.New(event)
	if err != nil {
		return nil, err
	}
	return &angzarrv1.EventPage{Payload: &angzarrv1.EventPage_Event{Event: packed}}, nil
}

// CommandBook is one command. Its header is left out: Angzarr stamps it with
// where it came from, so that it runs once, however often it is delivered.
func CommandBook(cover *angzarrv1.Cover, command proto.Message) (*angzarrv1.CommandBook, error) {
	packed, err := anypb.New(command)
	if err != nil {
		return nil, err
	}
	return &angzarrv1.CommandBook{
		Cover: cover,
		Pages: []*angzarrv1.CommandPage{{Payload: &angzarrv1.CommandPage_Command{Command: packed}}},
	}, nil
}

// IDOf is the text form of an aggregate's root.
func IDOf(cover *angzarrv1.Cover) string {
	root := cover.GetRoot().GetValue()
	if len(root) != 16 {
		return ""
	}
	return fmt.Sprintf("%x-%x-%x-%x-%x", root[:4], root[4:6], root[6:8], root[8:10], root[10:])
}

// CoverOf is the aggregate with this id, the text form of its root.
func CoverOf(domain, id string) (*angzarrv1.Cover, error) {
	root, err := ParseUUID(id)
	if err != nil {
		return nil, err
	}
	return &angzarrv1.Cover{Domain: domain, Root: &angzarrv1.UUID{Value: root}}, nil
}

// CoverOfKey is the aggregate with this business key; its root is the one that
// the SQL function angzarr.root_of makes.
func CoverOfKey(domain, key string) *angzarrv1.Cover {
	namespace, _ := ParseUUID(namespaceOID) // a constant that is one
	root := uuid5(namespace, domain+":"+key)
	return &angzarrv1.Cover{Domain: domain, Root: &angzarrv1.UUID{Value: root}}
}

// ParseUUID returns the 16 bytes of a UUID in its text form.
func ParseUUID(text string) ([]byte, error) {
	bytes, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil || len(bytes) != 16 {
		return nil, fmt.Errorf("%q is not a UUID", text)
	}
	return bytes, nil
}

// uuid5 is the name-based UUID of RFC 4122 with SHA-1.
func uuid5(namespace []byte, name string) []byte {
	sum := sha1.Sum(append(append([]byte{}, namespace...), name...))
	uuid := sum[:16]
	uuid[6] = uuid[6]&0x0f | 0x50
	uuid[8] = uuid[8]&0x3f | 0x80
	return uuid
}
