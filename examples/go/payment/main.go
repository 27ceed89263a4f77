// Command payment serves the payment domain until it is told to stop.
//
//	payment -listen localhost:7022
package main

import "angzarr.io/examples/shop"

func main() { shop.ServeAggregate(rules, "localhost:7022") }
