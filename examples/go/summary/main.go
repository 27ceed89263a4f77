// Command summary serves the projector "order-summary" until it is told to stop.
//
//	summary -listen localhost:7025 -database 'dbname=shop'
//
// The database is where its table is; it need not be the one of the events.
package main

import (
	"flag"

	"angzarr.io/examples/shop"
	angzarrv1 "angzarr.io/proto/angzarr/v1"
	"google.golang.org/grpc"
)

func main() {
	address := shop.ListenFlag("localhost:7025")
	database := flag.String("database", "",
		"as for psql (over TCP without TLS: sslmode=disable); what is not given is\ntaken from PGHOST, PGDATABASE ...")
	named := flag.String("table", "order_summaries", "`name` of its table")
	flag.Parse()
	opened, err := openTable(*database, *named)
	if err != nil {
		shop.Fail(name, err)
	}
	shop.Serve(name, *address, func(server *grpc.Server) {
		angzarrv1.RegisterProjectorServiceServer(server, &projector{table: opened})
	})
}
