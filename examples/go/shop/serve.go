// Serves one service of the shop until it is told to stop.

package shop

import (
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	angzarrv1 "angzarr.io/proto/angzarr/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

const grace = 5 * time.Second

// ServeAggregate serves the rules of a domain, by default at the address listen.
func ServeAggregate[S proto.Message](rules Rules[S], listen string) {
	address := ListenFlag(listen)
	snapshotEvery := flag.Int("snapshot-every", 50,
		"return a snapshot when so many events were read without one; 0 never does")
	flag.Parse()
	Serve(rules.Domain, *address, func(server *grpc.Server) {
		angzarrv1.RegisterCommandHandlerServiceServer(server,
			&Aggregate[S]{Rules: rules, SnapshotEvery: *snapshotEvery})
	})
}

// ListenFlag is the option that every service has.
func ListenFlag(listen string) *string {
	return flag.String("listen", listen, "host:port (port 0: a free one) or unix:/path")
}

// Serve prints one line when it takes calls; SIGTERM and SIGINT let running
// calls end. It ends the program when it cannot serve.
func Serve(name, address string, register func(*grpc.Server)) {
	if err := serve(name, address, register); err != nil {
		Fail(name, err)
	}
}

// Fail ends the program.
func Fail(name string, err error) {
	fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
	os.Exit(1)
}

func serve(name, address string, register func(*grpc.Server)) error {
	listener, shown, err := open(address)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	register(server)

	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM, syscall.SIGINT)
	stopped := make(chan struct{})
	go func() {
		<-asked
		timer := time.AfterFunc(grace, server.Stop)
		server.GracefulStop()
		timer.Stop()
		close(stopped)
	}()

	fmt.Printf("%s: ready on %s\n", name, shown)
	if err := server.Serve(listener); err != nil {
		return err
	}
	<-stopped
	return nil
}

// open listens at the address and returns it with the port that was found.
func open(address string) (net.Listener, string, error) {
	if strings.HasPrefix(address, "unix:") {
		listener, err := openUnix(strings.TrimPrefix(address, "unix:"))
		return listener, address, err
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, "", err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, "", err
	}
	port := listener.Addr().(*net.TCPAddr).Port
	return listener, net.JoinHostPort(host, fmt.Sprint(port)), nil
}

// openUnix takes the place of a socket that a killed process left behind.
func openUnix(path string) (net.Listener, error) {
	if info, err := os.Stat(path); err == nil && info.Mode()&os.ModeSocket != 0 {
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	return net.Listen("unix", path)
}
