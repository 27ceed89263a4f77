package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"

	angzarrv1 "angzarr.io/proto/angzarr/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"
)

// entry is one deposit: in a command which one and how much, in an event the
// balance after it as well.
type entry struct {
	id, amount, balance uint64
}

const entrySize = 24

func (e entry) pack(typeName string) *anypb.Any {
	value := make([]byte, 0, entrySize)
	for _, number := range []uint64{e.id, e.amount, e.balance} {
		value = binary.BigEndian.AppendUint64(value, number)
	}
	return &anypb.Any{TypeUrl: "/" + typeName, Value: value}
}

func unpack(value []byte) (entry, error) {
	if len(value) != entrySize {
		return entry{}, fmt.Errorf("%d bytes are no entry", len(value))
	}
	number := func(i int) uint64 { return binary.BigEndian.Uint64(value[8*i:]) }
	return entry{id: number(0), amount: number(1), balance: number(2)}, nil
}

// ledger is the business logic: it adds each deposit to the balance it is
// shown, so a deposit that was decided on an old balance shows for ever.
type ledger struct {
	angzarrv1.UnimplementedCommandHandlerServiceServer
}

func (ledger) Handle(_ context.Context, request *angzarrv1.ContextualCommand) (*angzarrv1.BusinessResponse, error) {
	var balance uint64
	if pages := request.GetEvents().GetPages(); len(pages) > 0 {
		last, err := unpack(pages[len(pages)-1].GetEvent().GetValue())
		if err != nil {
			return nil, status.Error(codes.Internal, err.Error())
		}
		balance = last.balance
	}
	deposit, err := unpack(request.GetCommand().GetPages()[0].GetCommand().GetValue())
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	deposit.balance = balance + deposit.amount
	return &angzarrv1.BusinessResponse{Result: &angzarrv1.BusinessResponse_Events{
		Events: &angzarrv1.EventBook{Pages: []*angzarrv1.EventPage{{
			Payload: &angzarrv1.EventPage_Event{Event: deposit.pack("ledger.Deposited")},
		}}},
	}}, nil
}

// serveLedger starts the business logic; its address, as one registers it.
func serveLedger() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := grpc.NewServer()
	angzarrv1.RegisterCommandHandlerServiceServer(server, ledger{})
	go func() { _ = server.Serve(listener) }()
	return "grpc://" + listener.Addr().String(), nil
}
