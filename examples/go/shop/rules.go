// Package shop is what the services of the shop have in common: how Angzarr
// calls them, and how their rules say no.
package shop

import (
	"fmt"

	"google.golang.org/protobuf/proto"
)

// Rejection is a broken rule: a word for programs and a sentence for people.
type Rejection struct {
	Reason  string
	Message string
}

func (r *Rejection) Error() string { return r.Message }

// Reject makes a *Rejection.
func Reject(reason, format string, args ...any) error {
	return &Rejection{Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// TooLate says that what should be undone cannot be any more; a person has to
// look at it.
type TooLate struct{ Message string }

func (t *TooLate) Error() string { return t.Message }

// UnknownMessage says that a message is none of those expected, or does not
// decode.
type UnknownMessage struct{ Message string }

func (u *UnknownMessage) Error() string { return u.Message }

// Unknown makes an *UnknownMessage of a message that is not of this kind.
func Unknown(message proto.Message, kind string) error {
	return &UnknownMessage{fmt.Sprintf("%q is not a known %s",
		message.ProtoReflect().Descriptor().FullName(), kind)}
}

// notUnderstood is news that the rules have no answer to.
type notUnderstood struct{ message string }

func (n *notUnderstood) Error() string { return n.message }

// Events is what was decided.
func Events(list ...proto.Message) ([]proto.Message, error) {
	return list, nil
}
