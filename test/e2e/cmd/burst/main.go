// Command burst sends commands of one domain to new aggregates, all at one
// time, and prints how they ended: one line per outcome, its number first,
// then the milliseconds it took.
//
//	burst -server 127.0.0.1:1310 -commands 300 obey
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"sort"
	"sync"
	"time"

	"angzarr.io/e2e/internal/engine"
	angzarrv1 "angzarr.io/proto/angzarr/v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"
)

func main() {
	server := flag.String("server", "127.0.0.1:1310", "`host:port` of the engine")
	commands := flag.Int("commands", 1, "commands at one time")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "burst: which domain?")
		os.Exit(1)
	}
	connection, err := engine.Connect(*server)
	if err != nil {
		fmt.Fprintln(os.Stderr, "burst:", err)
		os.Exit(1)
	}
	client := angzarrv1.NewCommandHandlerCoordinatorServiceClient(connection)
	began := time.Now()
	outcomes := burst(client, flag.Arg(0), *commands)
	took := time.Since(began)
	for _, outcome := range sorted(outcomes) {
		fmt.Println(outcomes[outcome], outcome)
	}
	fmt.Println(took.Milliseconds(), "ms")
}

func burst(client angzarrv1.CommandHandlerCoordinatorServiceClient, domain string, commands int) map[string]int {
	var mutex sync.Mutex
	var all sync.WaitGroup
	outcomes := map[string]int{}
	all.Add(commands)
	for i := 0; i < commands; i++ {
		go func() {
			defer all.Done()
			outcome := send(client, domain)
			mutex.Lock()
			outcomes[outcome]++
			mutex.Unlock()
		}()
	}
	all.Wait()
	return outcomes
}

func send(client angzarrv1.CommandHandlerCoordinatorServiceClient, domain string) string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := client.HandleCommand(ctx, engine.Request(domain, engine.NewRoot(),
		engine.Page(angzarrv1.MergeStrategy_MERGE_STRICT, 0, &anypb.Any{TypeUrl: "/test.Do"})))
	if err == nil {
		return "OK"
	}
	return fmt.Sprintf("%v: %s", status.Code(err), status.Convert(err).Message())
}

func sorted(outcomes map[string]int) []string {
	var names []string
	for name := range outcomes {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool { return outcomes[names[i]] > outcomes[names[j]] })
	return names
}
