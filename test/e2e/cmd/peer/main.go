// Command peer serves business logic for tests: obedient, slow or wrong, by
// the domain of the command. SIGUSR1 makes it print what it has seen, one
// "domain count" per line, then "most N" calls at one time and "connections N".
//
//	peer -listen 127.0.0.1:7003 -max-streams 100
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"angzarr.io/e2e/internal/peer"
)

func main() {
	address := flag.String("listen", "127.0.0.1:0", "host:port or unix:/path")
	maxStreams := flag.Uint("max-streams", 100, "calls that one connection may have open")
	domains := flag.Bool("domains", false, "print the domains there are, and end")
	flag.Parse()
	if *domains {
		fmt.Println(strings.Join(peer.Domains(), "\n"))
		return
	}
	p, err := peer.Listen(*address, uint32(*maxStreams))
	if err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(1)
	}
	fmt.Println("peer: ready on", p.Address)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGUSR1)
	for number := range signals {
		if number != syscall.SIGUSR1 {
			p.Close()
			return
		}
		report(p)
	}
}

func report(p *peer.Peer) {
	counts, most := p.Counts()
	for _, domain := range peer.Domains() {
		if counts[domain] > 0 {
			fmt.Println(domain, counts[domain])
		}
	}
	fmt.Println("most", most)
	fmt.Println("connections", p.Connections())
}
