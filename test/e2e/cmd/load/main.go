// Command load sends many commands at one time to a running engine and checks
// that every one of them is stored once, in few transactions.
//
//	load -server 127.0.0.1:1310 -psql /path/to/psql
//
// Half of the commands go to a few shared orders, which decide for themselves
// (AGGREGATE_HANDLES); the others create an order each. The domain "order"
// has to be registered; the database is the one that the PG... variables name.
// Prints TAP.
package main

import (
	"context"
	"flag"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	angzarrv1 "angzarr.io/proto/angzarr/v1"
	orderv1 "angzarr.io/proto/shop/order/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"angzarr.io/e2e/internal/engine"
	"angzarr.io/e2e/internal/tap"
)

const domain = "order"

// plan is how much is sent.
type plan struct {
	streams, commands, shared, connections int
	hot                                    bool
}

// load is the run.
type load struct {
	plan
	*engine.Engine
	clients []angzarrv1.CommandHandlerCoordinatorServiceClient
	ok      int64
	failed  int64
	first   atomic.Value // the first failure, a string
}

// figures are what the server counts.
type figures struct{ events, batches, transactions, commits int64 }

func main() {
	l := &load{}
	server := flag.String("server", "127.0.0.1:1310", "`host:port` of the engine")
	psql := flag.String("psql", "psql", "the psql to run")
	flag.IntVar(&l.streams, "streams", 128, "calls at one time")
	flag.IntVar(&l.commands, "commands", 50000, "commands in all")
	flag.IntVar(&l.shared, "shared", 200, "orders that share one half of them")
	flag.BoolVar(&l.hot, "hot", false, "send all commands to the shared orders")
	flag.IntVar(&l.connections, "connections", 4, "connections")
	flag.Parse()

	var err error
	if l.Engine, err = engine.Dial(*server, *psql); err != nil {
		tap.Bail("no engine at %s: %v", *server, err)
	}
	if err := l.connect(*server); err != nil {
		tap.Bail("could not connect: %v", err)
	}
	before := l.figures()
	roots := make([][]byte, l.shared)
	for i := range roots {
		roots[i] = engine.NewRoot()
	}
	start := time.Now()
	l.run(creations(roots))
	l.run(l.rest(roots))
	took := time.Since(start)

	tap.Note("%d commands in %.1f s: %.0f commands/s", l.commands, took.Seconds(),
		float64(l.commands)/took.Seconds())
	tap.OK(l.failed == 0 && l.ok == int64(l.commands),
		fmt.Sprintf("all %d commands of %d streams are acknowledged", l.commands, l.streams),
		fmt.Sprintf("%d are, %d failed: %v", l.ok, l.failed, l.first.Load()))
	l.checkEvents(before.events, roots)
	l.checkTransactions(before)
	tap.Done()
}

func (l *load) connect(server string) error {
	for i := 0; i < l.connections; i++ {
		connection, err := engine.Connect(server)
		if err != nil {
			return err
		}
		l.clients = append(l.clients, angzarrv1.NewCommandHandlerCoordinatorServiceClient(connection))
	}
	return nil
}

// creations are the first commands of the shared orders.
func creations(roots [][]byte) <-chan *angzarrv1.CommandRequest {
	requests := make(chan *angzarrv1.CommandRequest)
	go func() {
		for _, root := range roots {
			requests <- creation(root)
		}
		close(requests)
	}()
	return requests
}

// rest are all further commands, one to a shared order and one to a new one
// by turns.
func (l *load) rest(roots [][]byte) <-chan *angzarrv1.CommandRequest {
	requests := make(chan *angzarrv1.CommandRequest, l.streams)
	go func() {
		left := l.toShared() - l.shared
		for i := 0; i < left; i++ {
			requests <- addition(roots[i%len(roots)])
			if !l.hot {
				requests <- creation(engine.NewRoot())
			}
		}
		for i := left; i < l.commands-l.toShared(); i++ {
			requests <- creation(engine.NewRoot())
		}
		close(requests)
	}()
	return requests
}

// toShared is how many commands go to the shared orders.
func (l *load) toShared() int {
	if l.hot {
		return l.commands
	}
	return l.commands / 2
}

func creation(root []byte) *angzarrv1.CommandRequest {
	return engine.Request(domain, root, engine.Page(angzarrv1.MergeStrategy_MERGE_STRICT, 0,
		pack(&orderv1.CreateOrder{CustomerId: "alice"})))
}

func addition(root []byte) *angzarrv1.CommandRequest {
	return engine.Request(domain, root, engine.Page(angzarrv1.MergeStrategy_MERGE_AGGREGATE_HANDLES, 0,
		pack(&orderv1.AddItem{Sku: "tea", Quantity: 1, UnitPriceCents: 450})))
}

func pack(message proto.Message) *anypb.Any {
	packed, err := anypb.New(message)
	if err != nil {
		panic(err)
	}
	return packed
}

// run sends requests over all streams until there are no more.
func (l *load) run(requests <-chan *angzarrv1.CommandRequest) {
	var all sync.WaitGroup
	for i := 0; i < l.streams; i++ {
		client := l.clients[i%len(l.clients)]
		all.Add(1)
		go func() {
			defer all.Done()
			for request := range requests {
				l.send(client, request)
			}
		}()
	}
	all.Wait()
}

func (l *load) send(client angzarrv1.CommandHandlerCoordinatorServiceClient, request *angzarrv1.CommandRequest) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	response, err := client.HandleCommand(ctx, request, grpc.WaitForReady(true))
	if err == nil && len(response.GetEvents().GetPages()) != 1 {
		err = fmt.Errorf("answered with %d events", len(response.GetEvents().GetPages()))
	}
	if err != nil {
		atomic.AddInt64(&l.failed, 1)
		l.first.CompareAndSwap(nil, err.Error())
		return
	}
	atomic.AddInt64(&l.ok, 1)
}

func (l *load) figures() figures {
	var f figures
	text, err := l.SQL("SELECT (SELECT count(*) FROM angzarr.events), w.batches, w.transactions, d.xact_commit" +
		" FROM pg_stat_database d, angzarr.workers w" +
		" WHERE d.datname = current_database() AND w.database = current_database()")
	if err == nil {
		_, err = fmt.Sscanf(text, "%d|%d|%d|%d", &f.events, &f.batches, &f.transactions, &f.commits)
	}
	if err != nil {
		tap.Bail("could not read the server's figures: %v: %s", err, text)
	}
	return f
}

func (l *load) checkEvents(before int64, roots [][]byte) {
	tap.Is(l.figures().events-before, int64(l.commands), "every command has left exactly one event")
	broken, err := l.SQL("SELECT root, count(*), min(sequence), max(sequence) FROM angzarr.events" +
		" GROUP BY root, domain, edition HAVING min(sequence) <> 0 OR max(sequence) <> count(*) - 1 LIMIT 5")
	tap.OK(err == nil && broken == "", "the events of every aggregate are numbered without a gap", broken, err)
	want := int64(l.toShared())
	got := int64(0)
	for _, root := range roots {
		n, err := l.Count("SELECT count(*) FROM angzarr.events WHERE root = '%x'", root)
		if err != nil {
			tap.Bail("could not count: %v", err)
		}
		got += n
	}
	tap.Is(got, want, fmt.Sprintf("%d shared orders have taken their %d commands", l.shared, want))
}

// checkTransactions waits for the statistics, which the server writes about
// once a second.
func (l *load) checkTransactions(before figures) {
	most := int64(l.commands / 10)
	var after figures
	engine.WaitFor(10*time.Second, func() bool {
		after = l.figures()
		return after.commits-before.commits >= after.transactions-before.transactions
	})
	tap.Note("%d calls of append_batch, %d transactions of the engine, %d commits in pg_stat_database",
		after.batches-before.batches, after.transactions-before.transactions, after.commits-before.commits)
	batches := after.batches - before.batches
	tap.OK(batches > 0 && batches <= most, "there was at most one call of append_batch per ten commands", batches, most)
	commits := after.commits - before.commits
	tap.OK(commits >= batches && commits <= most, "there was at most one commit per ten commands", commits, most)
}
