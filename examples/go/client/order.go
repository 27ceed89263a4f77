// What the client knows of the order domain: its commands and its roots.

package main

import (
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	angzarrv1 "angzarr.io/proto/angzarr/v1"
	orderv1 "angzarr.io/proto/shop/order/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

const domain = "order"

// namespaceOID is the name space of RFC 4122 that the SQL function
// angzarr.root_of uses.
const namespaceOID = "6ba7b812-9dad-11d1-80b4-00c04fd430c8"

// commands are what may be asked of an order.
var commands = map[string]proto.Message{
	"CreateOrder":           &orderv1.CreateOrder{},
	"AddItem":               &orderv1.AddItem{},
	"ChangeShippingAddress": &orderv1.ChangeShippingAddress{},
	"SubmitOrder":           &orderv1.SubmitOrder{},
	"CancelOrder":           &orderv1.CancelOrder{},
}

// commandFromJSON makes a command of its name and its fields as JSON.
func commandFromJSON(args []string) (*anypb.Any, error) {
	if len(args) < 1 || len(args) > 2 {
		return nil, errors.New("give a command and its fields as JSON")
	}
	empty, ok := commands[args[0]]
	if !ok {
		return nil, fmt.Errorf("%q is not a command of an order", args[0])
	}
	command := proto.Clone(empty)
	if len(args) == 2 {
		if err := protojson.Unmarshal([]byte(args[1]), command); err != nil {
			return nil, err
		}
	}
	return anypb.New(command)
}

// cover says which order is meant.
func (o *options) cover() *angzarrv1.Cover {
	root, _ := rootOf(o) // parseOptions has checked it
	return &angzarrv1.Cover{
		Domain:        domain,
		Root:          &angzarrv1.UUID{Value: root},
		CorrelationId: o.correlationID,
	}
}

// rootOf gives the 16 bytes of -root, or of the UUID that stands for -key.
func rootOf(o *options) ([]byte, error) {
	if o.root != "" {
		return parseUUID(o.root)
	}
	namespace, err := parseUUID(namespaceOID)
	if err != nil {
		return nil, err
	}
	return uuid5(namespace, domain+":"+o.key), nil
}

func parseUUID(text string) ([]byte, error) {
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
