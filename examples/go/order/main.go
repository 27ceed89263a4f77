// Command order serves the order domain until it is told to stop.
//
//	order -listen localhost:7002
//	order -listen unix:/run/shop/order.sock
package main

import "angzarr.io/examples/shop"

func main() { shop.ServeAggregate(rules, "localhost:7002") }
