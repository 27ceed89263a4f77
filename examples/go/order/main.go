// Command order serves the order domain until it is told to stop.
//
//	order -listen localhost:7002
//	order -listen unix:/run/shop/order.sock
//
// It prints one line when it takes calls; SIGTERM and SIGINT let running calls
// end.
package main

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
)

const grace = 5 * time.Second

func main() {
	address := flag.String("listen", "localhost:7002",
		"host:port (port 0: a free one) or unix:/path")
	snapshotEvery := flag.Int("snapshot-every", 50,
		"return a snapshot when so many events were read without one; 0 never does")
	flag.Parse()

	if err := serve(*address, *snapshotEvery); err != nil {
		fmt.Fprintf(os.Stderr, "order: %v\n", err)
		os.Exit(1)
	}
}

func serve(address string, snapshotEvery int) error {
	listener, shown, err := listen(address)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	angzarrv1.RegisterCommandHandlerServiceServer(server, &service{snapshotEvery: snapshotEvery})

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

	fmt.Printf("order: ready on %s\n", shown)
	if err := server.Serve(listener); err != nil {
		return err
	}
	<-stopped
	return nil
}

// listen opens the address and returns it with the port that was found.
func listen(address string) (net.Listener, string, error) {
	if strings.HasPrefix(address, "unix:") {
		listener, err := listenUnix(strings.TrimPrefix(address, "unix:"))
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

// listenUnix takes the place of a socket that a killed process left behind.
func listenUnix(path string) (net.Listener, error) {
	if info, err := os.Stat(path); err == nil && info.Mode()&os.ModeSocket != 0 {
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	return net.Listen("unix", path)
}
