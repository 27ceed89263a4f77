// Command checkout serves the process manager "checkout" until it is told to
// stop.
//
//	checkout -listen localhost:7024 -patience 15m
package main

import (
	"flag"
	"time"

	"angzarr.io/examples/shop"
	angzarrv1 "angzarr.io/proto/angzarr/v1"
	"google.golang.org/grpc"
)

func main() {
	address := shop.ListenFlag("localhost:7024")
	patience := flag.Duration("patience", 15*time.Minute,
		"cancel an order that is not confirmed after so long")
	flag.Parse()
	shop.Serve(name, *address, func(server *grpc.Server) {
		angzarrv1.RegisterProcessManagerServiceServer(server, &service{patience: *patience})
	})
}
