// Command shop orders in the shop of the examples until SIGTERM, whatever
// happens to the server meanwhile, and prints a line for each order: its root
// and what must become of it.
//
//	shop -server 127.0.0.1:1310 -customers 8
//
// An order is "confirmed", "out-of-stock" (its second goods are nowhere),
// "declined" (it costs too much) or "changed-her-mind" (cancelled at once, which
// may come too late). Commands are sent again until they are answered, and every
// order that was begun is submitted before the program ends.
package main

import (
	"context"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	angzarrv1 "angzarr.io/proto/angzarr/v1"
	orderv1 "angzarr.io/proto/shop/order/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"angzarr.io/e2e/internal/engine"
)

const (
	callPatience  = 10 * time.Second
	orderPatience = 2 * time.Minute       // with a server that does not come back
	pause         = 50 * time.Millisecond // before a command is sent again
)

var kinds = []string{"confirmed", "out-of-stock", "declined", "changed-her-mind"}

func main() {
	server := flag.String("server", "127.0.0.1:1310", "`host:port` of the engine")
	customers := flag.Int("customers", 8, "how many order at one time")
	every := flag.Duration("every", 0, "how long a customer waits before ordering again")
	flag.Parse()
	connection, err := engine.Dial(*server, "psql")
	if err != nil {
		fmt.Fprintln(os.Stderr, "shop:", err)
		os.Exit(1)
	}
	asked, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	fmt.Printf("shop: ready on %s\n", *server)
	var group sync.WaitGroup
	for customer := 0; customer < *customers; customer++ {
		group.Add(1)
		go func(number int) {
			defer group.Done()
			for ; asked.Err() == nil; number++ {
				if err := order(connection, kinds[number%len(kinds)]); err != nil {
					fmt.Fprintln(os.Stderr, "shop:", err)
					os.Exit(1)
				}
				time.Sleep(*every)
			}
		}(customer)
	}
	group.Wait()
}

// order orders, until it is certain that the order is submitted.
func order(connection *engine.Engine, kind string) error {
	root := engine.NewRoot()
	if err := until(connection, root, angzarrv1.MergeStrategy_MERGE_STRICT, submission(kind)...); err != nil {
		return err
	}
	if kind == "changed-her-mind" {
		// The saga may have been faster, or all of it; then it is refused.
		err := until(connection, root, angzarrv1.MergeStrategy_MERGE_AGGREGATE_HANDLES,
			&orderv1.CancelOrder{Reason: "changed her mind"})
		if err != nil {
			return err
		}
	}
	fmt.Println(hex.EncodeToString(root), kind)
	return nil
}

func submission(kind string) []proto.Message {
	price := int64(450)
	if kind == "declined" {
		price = 100_001
	}
	commands := []proto.Message{
		&orderv1.CreateOrder{CustomerId: "alice"},
		&orderv1.AddItem{Sku: "tea", Quantity: 1, UnitPriceCents: price},
	}
	if kind == "out-of-stock" {
		commands = append(commands, &orderv1.AddItem{Sku: "unicorn", Quantity: 1, UnitPriceCents: 1})
	}
	return append(commands,
		&orderv1.ChangeShippingAddress{ShippingAddress: &orderv1.Address{
			Recipient: "Alice", Street: "1 Quay", City: "Cork", Country: "IE"}},
		&orderv1.SubmitOrder{})
}

// until sends commands again until they are carried out, or refused because
// they were: what is sent is all or nothing, and holds for one state only.
func until(connection *engine.Engine, root []byte, merge angzarrv1.MergeStrategy, commands ...proto.Message) error {
	var pages []*angzarrv1.CommandPage
	for _, command := range commands {
		packed, err := anypb.New(command)
		if err != nil {
			return err
		}
		pages = append(pages, engine.Page(merge, 0, packed))
	}
	request := engine.Request("order", root, pages...)
	request.Command.Cover.CorrelationId = hex.EncodeToString(root)
	for end := time.Now().Add(orderPatience); ; {
		ctx, cancel := context.WithTimeout(context.Background(), callPatience)
		_, err := connection.Commands.HandleCommand(ctx, request)
		cancel()
		switch status.Code(err) {
		case codes.OK:
			return nil
		case codes.FailedPrecondition:
			if merge == angzarrv1.MergeStrategy_MERGE_STRICT &&
				!strings.HasPrefix(status.Convert(err).Message(), "Sequence mismatch") {
				return err
			}
			return nil
		case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled, codes.Unknown, codes.Internal:
			if time.Now().After(end) {
				return err
			}
			time.Sleep(pause)
		default:
			return err
		}
	}
}
