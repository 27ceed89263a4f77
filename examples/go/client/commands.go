// What the client knows of the shop: its commands, and whose they are.

package main

import (
	"errors"
	"fmt"

	"angzarr.io/examples/shop"
	angzarrv1 "angzarr.io/proto/angzarr/v1"
	inventoryv1 "angzarr.io/proto/shop/inventory/v1"
	orderv1 "angzarr.io/proto/shop/order/v1"
	paymentv1 "angzarr.io/proto/shop/payment/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// commands are what may be asked in the shop; each belongs to one domain.
var commands = map[string]struct {
	domain string
	empty  proto.Message
}{
	"CreateOrder":           {"order", &orderv1.CreateOrder{}},
	"AddItem":               {"order", &orderv1.AddItem{}},
	"ChangeShippingAddress": {"order", &orderv1.ChangeShippingAddress{}},
	"SubmitOrder":           {"order", &orderv1.SubmitOrder{}},
	"ConfirmOrder":          {"order", &orderv1.ConfirmOrder{}},
	"CancelOrder":           {"order", &orderv1.CancelOrder{}},
	"AddStock":              {"inventory", &inventoryv1.AddStock{}},
	"Reserve":               {"inventory", &inventoryv1.Reserve{}},
	"Release":               {"inventory", &inventoryv1.Release{}},
	"Charge":                {"payment", &paymentv1.Charge{}},
	"Refund":                {"payment", &paymentv1.Refund{}},
}

// commandFromJSON makes a command of its name and its fields as JSON, and says
// whose it is.
func commandFromJSON(args []string) (*anypb.Any, string, error) {
	if len(args) < 1 || len(args) > 2 {
		return nil, "", errors.New("give a command and its fields as JSON")
	}
	known, ok := commands[args[0]]
	if !ok {
		return nil, "", fmt.Errorf("%q is not a command of the shop", args[0])
	}
	command := proto.Clone(known.empty)
	if len(args) == 2 {
		if err := protojson.Unmarshal([]byte(args[1]), command); err != nil {
			return nil, "", err
		}
	}
	packed, err := anypb.New(command)
	return packed, known.domain, err
}

// cover says which aggregate is meant, by -root or by -key.
func (o *options) cover(domain string) *angzarrv1.Cover {
	cover := shop.CoverOfKey(domain, o.key)
	if o.root != "" {
		cover, _ = shop.CoverOf(domain, o.root) // parseOptions has checked it
	}
	cover.CorrelationId = o.correlationID
	return cover
}
