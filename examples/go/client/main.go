// Command client sends one command to an order, or to an inventory or a payment
// of the shop, or shows its events.
//
//	client send -key 1001 CreateOrder '{"customerId": "alice"}'
//	client send -key 1001 -sequence 1 AddItem '{"sku": "tea", "quantity": 2}'
//	client book -key 1001
//	client send -key tea AddStock '{"sku": "tea", "quantity": 100}'
//	client book -domain inventory -key tea
//
// A command belongs to one domain, so the client knows which one.
// It prints the answer as JSON. A call that fails ends it with status 1 and
// prints the gRPC code, the message and the reason on standard error.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"angzarr.io/examples/shop"
	angzarrv1 "angzarr.io/proto/angzarr/v1"
	_ "angzarr.io/proto/shop/summary/v1" // what a projector may answer
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, describe(err))
		os.Exit(1)
	}
}

// run makes the one call that the command line asks for.
func run(args []string) error {
	if len(args) == 0 {
		return errors.New("what to do is missing: send or book")
	}
	o, err := parseOptions(args[0], args[1:])
	if err != nil {
		return err
	}
	connection, err := grpc.Dial(o.server,
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(context.Background(), o.timeout)
	defer cancel()
	if o.traceparent != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "traceparent", o.traceparent)
	}

	var answer proto.Message
	switch args[0] {
	case "send":
		answer, err = send(ctx, connection, o)
	case "book":
		answer, err = book(ctx, connection, o)
	default:
		err = fmt.Errorf("%q is neither send nor book", args[0])
	}
	if err != nil {
		return err
	}
	text, err := protojson.MarshalOptions{Multiline: true}.Marshal(answer)
	if err != nil {
		return err
	}
	fmt.Println(string(text))
	return nil
}

// send sends a command. With -sequence it holds only if the aggregate is
// exactly there; without, its own rules decide alone.
func send(ctx context.Context, connection *grpc.ClientConn, o *options) (proto.Message, error) {
	command, domain, err := commandFromJSON(o.args)
	if err != nil {
		return nil, err
	}
	page := &angzarrv1.CommandPage{
		MergeStrategy: angzarrv1.MergeStrategy_MERGE_AGGREGATE_HANDLES,
		Payload:       &angzarrv1.CommandPage_Command{Command: command},
	}
	if o.sequence >= 0 {
		page.MergeStrategy = angzarrv1.MergeStrategy_MERGE_STRICT
		page.Header = &angzarrv1.PageHeader{
			SequenceType: &angzarrv1.PageHeader_Sequence{Sequence: uint32(o.sequence)},
		}
	}
	return angzarrv1.NewCommandHandlerCoordinatorServiceClient(connection).HandleCommand(ctx,
		&angzarrv1.CommandRequest{
			Command: &angzarrv1.CommandBook{
				Cover: o.cover(domain),
				Pages: []*angzarrv1.CommandPage{page},
			},
			SyncMode:         angzarrv1.SyncMode(angzarrv1.SyncMode_value["SYNC_MODE_"+o.syncMode]),
			CascadeErrorMode: angzarrv1.CascadeErrorMode(angzarrv1.CascadeErrorMode_value["CASCADE_ERROR_"+o.errorMode]),
		})
}

// book asks for the events of an aggregate, all or a range of them.
func book(ctx context.Context, connection *grpc.ClientConn, o *options) (proto.Message, error) {
	query := &angzarrv1.Query{Cover: o.cover(o.domain)}
	if o.from >= 0 || o.to >= 0 {
		wanted := &angzarrv1.SequenceRange{}
		if o.from >= 0 {
			wanted.Lower = uint32(o.from)
		}
		if o.to >= 0 {
			wanted.Upper = proto.Uint32(uint32(o.to))
		}
		query.Selection = &angzarrv1.Query_Range{Range: wanted}
	}
	return angzarrv1.NewEventQueryServiceClient(connection).GetEventBook(ctx, query)
}

// describe gives code and message of a failed call, and the reason in its
// details.
func describe(err error) string {
	failed, ok := status.FromError(err)
	if !ok {
		return "client: " + err.Error()
	}
	text := fmt.Sprintf("%s: %s", failed.Code(), failed.Message())
	for _, detail := range failed.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			text += fmt.Sprintf(" [%s: %s]", info.Domain, info.Reason)
		}
	}
	return text
}

// options are what the command line says.
type options struct {
	server, domain, key, root, correlationID, traceparent string
	syncMode, errorMode                                   string
	timeout                                               time.Duration
	sequence, from, to                                    int64
	args                                                  []string
}

func parseOptions(verb string, args []string) (*options, error) {
	o := &options{}
	flags := flag.NewFlagSet("client "+verb, flag.ExitOnError)
	flags.StringVar(&o.server, "server", "localhost:1310", "`host:port` of Angzarr")
	flags.DurationVar(&o.timeout, "timeout", 10*time.Second, "give up after this time")
	flags.StringVar(&o.key, "key", "", "your own name of it")
	flags.StringVar(&o.domain, "domain", "order", "book: the domain it is of")
	flags.StringVar(&o.root, "root", "", "its `uuid`, instead of a key")
	flags.StringVar(&o.correlationID, "correlation-id", "", "`id` that the events keep")
	flags.StringVar(&o.traceparent, "traceparent", "", "W3C trace context to send along")
	flags.Int64Var(&o.sequence, "sequence", -1, "send: the next sequence you expect")
	flags.StringVar(&o.syncMode, "sync-mode", "ASYNC", "send: wait for ASYNC (nobody), SIMPLE (projectors) or CASCADE (everybody)")
	flags.StringVar(&o.errorMode, "error-mode", "FAIL_FAST", "send: under CASCADE, FAIL_FAST, CONTINUE or DEAD_LETTER")
	flags.Int64Var(&o.from, "from", -1, "book: the first sequence wanted")
	flags.Int64Var(&o.to, "to", -1, "book: the last sequence wanted")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if _, known := angzarrv1.SyncMode_value["SYNC_MODE_"+o.syncMode]; !known {
		return nil, fmt.Errorf("%q is not a sync mode", o.syncMode)
	}
	if _, known := angzarrv1.CascadeErrorMode_value["CASCADE_ERROR_"+o.errorMode]; !known {
		return nil, fmt.Errorf("%q is not an error mode", o.errorMode)
	}
	if (o.key == "") == (o.root == "") {
		return nil, errors.New("give either -key or -root")
	}
	if o.root != "" {
		if _, err := shop.ParseUUID(o.root); err != nil {
			return nil, err
		}
	}
	o.args = flags.Args()
	return o, nil
}
