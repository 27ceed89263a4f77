// Command inventory serves the inventory domain until it is told to stop.
//
//	inventory -listen localhost:7021
package main

import "angzarr.io/examples/shop"

func main() { shop.ServeAggregate(rules, "localhost:7021") }
