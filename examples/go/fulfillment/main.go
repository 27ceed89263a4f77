// Command fulfillment serves the saga "order-fulfillment" until it is told to
// stop.
//
//	fulfillment -listen localhost:7023
package main

import (
	"flag"

	"angzarr.io/examples/shop"
	angzarrv1 "angzarr.io/proto/angzarr/v1"
	"google.golang.org/grpc"
)

func main() {
	address := shop.ListenFlag("localhost:7023")
	flag.Parse()
	shop.Serve(name, *address, func(server *grpc.Server) {
		angzarrv1.RegisterSagaServiceServer(server, &saga{})
	})
}
