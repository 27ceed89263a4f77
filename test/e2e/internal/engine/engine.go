// Package engine reaches the engine under test: over gRPC like any client, and
// over psql like any person.
package engine

import (
	"context"
	"crypto/rand"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"

	angzarrv1 "angzarr.io/proto/angzarr/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/anypb"
)

// Engine is the one under test.
type Engine struct {
	Address string // host:port of its gRPC server
	Psql    string // the program; its connection comes from PG... variables
	*grpc.ClientConn
	Commands angzarrv1.CommandHandlerCoordinatorServiceClient
	Queries  angzarrv1.EventQueryServiceClient
}

// Dial connects to the engine, waiting until it is there.
func Dial(address, psql string) (*Engine, error) {
	connection, err := Connect(address)
	if err != nil {
		return nil, err
	}
	return &Engine{
		Address:    address,
		Psql:       psql,
		ClientConn: connection,
		Commands:   angzarrv1.NewCommandHandlerCoordinatorServiceClient(connection),
		Queries:    angzarrv1.NewEventQueryServiceClient(connection),
	}, nil
}

// Connect opens one more connection.
func Connect(address string) (*grpc.ClientConn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return grpc.DialContext(ctx, address, grpc.WithBlock(),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20)))
}

// SQL runs one statement and returns what psql prints, unaligned.
func (e *Engine) SQL(format string, args ...any) (string, error) {
	command := exec.Command(e.Psql, "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", fmt.Sprintf(format, args...))
	out, err := command.CombinedOutput()
	text := strings.TrimSpace(string(out))
	if err != nil {
		return text, fmt.Errorf("psql: %w: %s", err, text)
	}
	return text, nil
}

// Count runs a statement whose answer is one number.
func (e *Engine) Count(format string, args ...any) (int64, error) {
	text, err := e.SQL(format, args...)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(text, 10, 64)
}

// Register gives domains to the business logic at an address, in place of
// whatever they belonged to.
func (e *Engine) Register(address string, domains ...string) error {
	var statements []string
	for _, domain := range domains {
		statements = append(statements, fmt.Sprintf(
			"SELECT angzarr.unregister(name) FROM angzarr.components WHERE domain = '%s';"+
				"SELECT angzarr.register_aggregate('%s', '%s');", domain, domain, address))
	}
	_, err := e.SQL("BEGIN; %s COMMIT;", strings.Join(statements, " "))
	return err
}

// WaitFor asks again until the condition holds; false when it never did.
func WaitFor(limit time.Duration, condition func() bool) bool {
	end := time.Now().Add(limit)
	for {
		if condition() {
			return true
		}
		if time.Now().After(end) {
			return false
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// NewRoot returns a root that nothing has been written under.
func NewRoot() []byte {
	root := make([]byte, 16)
	if _, err := rand.Read(root); err != nil {
		panic(err)
	}
	root[6] = root[6]&0x0f | 0x40
	root[8] = root[8]&0x3f | 0x80
	return root
}

// Cover names an aggregate.
func Cover(domain string, root []byte) *angzarrv1.Cover {
	return &angzarrv1.Cover{Domain: domain, Root: &angzarrv1.UUID{Value: root}}
}

// Page holds a command that expects a sequence.
func Page(merge angzarrv1.MergeStrategy, expected uint32, command *anypb.Any) *angzarrv1.CommandPage {
	return &angzarrv1.CommandPage{
		MergeStrategy: merge,
		Header:        Sequence(expected),
		Payload:       &angzarrv1.CommandPage_Command{Command: command},
	}
}

// Sequence is a header with a number.
func Sequence(number uint32) *angzarrv1.PageHeader {
	return &angzarrv1.PageHeader{SequenceType: &angzarrv1.PageHeader_Sequence{Sequence: number}}
}

// Request puts pages for one aggregate into a request.
func Request(domain string, root []byte, pages ...*angzarrv1.CommandPage) *angzarrv1.CommandRequest {
	return &angzarrv1.CommandRequest{Command: &angzarrv1.CommandBook{
		Cover: Cover(domain, root),
		Pages: pages,
	}}
}
