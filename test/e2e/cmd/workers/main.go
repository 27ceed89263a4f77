// Command workers has several engine workers of one database process commands
// for the same few aggregates, under each merge strategy that is served, and
// while workers are ended; then it holds the store against what it was told.
// The database is the one that the PG... variables name. Prints TAP.
package main

import (
	"flag"
	"fmt"
	"sort"
	"strings"
	"time"

	angzarrv1 "angzarr.io/proto/angzarr/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"angzarr.io/e2e/internal/engine"
	"angzarr.io/e2e/internal/tap"
)

const domain = "ledger"

// trial is what all runs have in common.
type trial struct {
	*engine.Engine
	clients              []angzarrv1.CommandHandlerCoordinatorServiceClient
	streams, commands    int
	aggregates, nWorkers int
}

// figures are what view workers says of one worker.
type figures struct {
	pid      string
	commands int64
	state    string
}

func main() {
	t := &trial{}
	server := flag.String("server", "127.0.0.1:1310", "`host:port` of the engine")
	psql := flag.String("psql", "psql", "the psql to run")
	connections := flag.Int("connections", 16, "connections")
	flag.IntVar(&t.streams, "streams", 100, "calls at one time")
	flag.IntVar(&t.commands, "commands", 20000, "commands under each strategy")
	flag.IntVar(&t.aggregates, "aggregates", 50, "aggregates they are for")
	flag.IntVar(&t.nWorkers, "workers", 2, "engine workers of the database")
	flag.Parse()

	var err error
	if t.Engine, err = engine.Dial(*server, *psql); err != nil {
		tap.Bail("no engine at %s: %v", *server, err)
	}
	t.connect(*server, *connections)
	address, err := serveLedger()
	if err == nil {
		err = t.Register(address, domain)
	}
	if err != nil {
		tap.Bail("no business logic: %v", err)
	}
	for _, strategy := range t.served() {
		t.try(strategy)
	}
	t.tryEndingWorkers()
	tap.Done()
}

// connect opens the connections; each worker must have some.
func (t *trial) connect(server string, connections int) {
	for i := 0; i < connections; i++ {
		connection, err := engine.Connect(server)
		if err != nil {
			tap.Bail("could not connect: %v", err)
		}
		t.clients = append(t.clients, angzarrv1.NewCommandHandlerCoordinatorServiceClient(connection))
	}
}

// served are the strategies that the engine does not call unserved.
func (t *trial) served() []angzarrv1.MergeStrategy {
	var all, served []angzarrv1.MergeStrategy
	for number := range angzarrv1.MergeStrategy_name {
		if number != 0 {
			all = append(all, angzarrv1.MergeStrategy(number))
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	for _, strategy := range all {
		l := newLoad(t, strategy, 1)
		err := l.attempt(t.Commands, l.accounts[0], entry{id: 1, amount: 1})
		if status.Code(err) == codes.Unimplemented {
			tap.Note("%v is not served: %v", strategy, err)
			continue
		}
		if err != nil {
			tap.Bail("%v: %v", strategy, err)
		}
		served = append(served, strategy)
	}
	if len(served) < 3 {
		tap.Bail("fewer than three strategies are served: %v", served)
	}
	return served
}

// try sends all commands under one strategy.
func (t *trial) try(strategy angzarrv1.MergeStrategy) {
	name := strings.TrimPrefix(strategy.String(), "MERGE_")
	before := t.figures()
	l := newLoad(t, strategy, t.aggregates)
	start := time.Now()
	l.run(t.commands)
	took := time.Since(start)
	after := t.figures()

	tap.Note("%s: %d commands in %.1f s, %.0f/s; %s", name, t.commands, took.Seconds(),
		float64(t.commands)/took.Seconds(), l.refusals())
	tap.OK(len(l.acknowledged) == t.commands && len(l.failures) == 0,
		fmt.Sprintf("%s: all %d commands for %d aggregates are acknowledged in the end", name, t.commands, t.aggregates),
		len(l.acknowledged), l.failures)
	tap.OK(len(after) == t.nWorkers, fmt.Sprintf("%s: %d workers ran", name, t.nWorkers), after)
	for i := range after {
		did := after[i].commands - before[i].commands
		tap.OK(after[i].pid == before[i].pid && did > int64(t.commands/100),
			fmt.Sprintf("%s: worker %d did its part", name, i), before, after)
		tap.Note("worker %d acknowledged %d commands", i, did)
	}
	l.check(name)
}

// tryEndingWorkers has one worker after the other ended while commands pour in.
func (t *trial) tryEndingWorkers() {
	l := newLoad(t, angzarrv1.MergeStrategy_MERGE_AGGREGATE_HANDLES, t.aggregates)
	done := make(chan struct{})
	stop := make(chan struct{})
	go func() {
		l.runUntil(stop)
		close(done)
	}()
	for round := 0; round < 2*t.nWorkers; round++ {
		l.awaitMore(500)
		t.endWorker(round % t.nWorkers)
	}
	l.awaitMore(500)
	close(stop)
	<-done
	tap.Note("workers were ended %d times during %d commands; of %d it is not known what became; %s",
		2*t.nWorkers, len(l.acknowledged), len(l.unknown), l.refusals())
	for text, count := range l.reasons() {
		tap.Note("%d times: %s", count, text)
	}
	tap.OK(len(l.failures) == 0, "a worker that ends fails no command but as unavailable", l.failures)
	l.check("with workers ended")
}

// endWorker ends one worker and waits for the next; the others go on meanwhile.
func (t *trial) endWorker(number int) {
	before := t.figures()
	if _, err := t.SQL("SELECT pg_terminate_backend(%s)", before[number].pid); err != nil {
		tap.Bail("%v", err)
	}
	var after []figures
	replaced := engine.WaitFor(30*time.Second, func() bool {
		after = t.figures()
		return len(after) == t.nWorkers && after[number].pid != before[number].pid && after[number].state == "running"
	})
	tap.OK(replaced, fmt.Sprintf("worker %d is ended and replaced", number), before, after)
	for i := range before {
		if i == number {
			continue
		}
		grows := engine.WaitFor(30*time.Second, func() bool {
			after = t.figures()
			return len(after) == t.nWorkers && after[i].commands > before[i].commands
		})
		tap.OK(grows && after[i].pid == before[i].pid,
			fmt.Sprintf("worker %d goes on when worker %d ends", i, number), before, after)
	}
}

func (t *trial) figures() []figures {
	var all []figures
	text, err := t.SQL("SELECT coalesce(pid, 0), commands, state FROM angzarr.workers" +
		" WHERE database = current_database() ORDER BY worker")
	if err != nil {
		tap.Bail("%v", err)
	}
	for _, line := range strings.Split(text, "\n") {
		var f figures
		if _, err := fmt.Sscanf(strings.ReplaceAll(line, "|", " "), "%s %d %s", &f.pid, &f.commands, &f.state); err != nil {
			tap.Bail("view workers says %q: %v", line, err)
		}
		all = append(all, f)
	}
	return all
}
