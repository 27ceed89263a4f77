package shoptest

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"angzarr.io/examples/shop"
	angzarrv1 "angzarr.io/proto/angzarr/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// Connect serves on a free port for the time of one test.
func Connect(t *testing.T, register func(*grpc.Server)) (*grpc.ClientConn, context.Context) {
	t.Helper()
	listener, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	register(server)
	go server.Serve(listener) //nolint:errcheck // a failure shows in the calls
	t.Cleanup(server.Stop)
	connection, err := grpc.Dial(listener.Addr().String(),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	t.Cleanup(cancel)
	return connection, ctx
}

// ConnectAggregate serves the rules of a domain.
func ConnectAggregate[S proto.Message](t *testing.T, rules shop.Rules[S], snapshotEvery int) (angzarrv1.CommandHandlerServiceClient, context.Context) {
	t.Helper()
	connection, ctx := Connect(t, func(server *grpc.Server) {
		angzarrv1.RegisterCommandHandlerServiceServer(server,
			&shop.Aggregate[S]{Rules: rules, SnapshotEvery: snapshotEvery})
	})
	return angzarrv1.NewCommandHandlerServiceClient(connection), ctx
}

// MustBe checks code and message of a failed call, and the domain and reason
// that travel as details.
func MustBe(t *testing.T, err error, code codes.Code, message, domain, reason string) {
	t.Helper()
	got := status.Convert(err)
	if got.Code() != code || !strings.Contains(got.Message(), message) {
		t.Fatalf("answered with %v", err)
	}
	if len(got.Details()) != 1 {
		t.Fatalf("details are %v", got.Details())
	}
	info, ok := got.Details()[0].(*errdetails.ErrorInfo)
	if !ok || info.Domain != domain || info.Reason != reason {
		t.Errorf("details are %v", got.Details())
	}
}
