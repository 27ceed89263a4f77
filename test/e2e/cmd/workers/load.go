package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	angzarrv1 "angzarr.io/proto/angzarr/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"angzarr.io/e2e/internal/engine"
	"angzarr.io/e2e/internal/tap"
)

const patient = time.Minute // with one call

// account is one aggregate.
type account struct {
	root []byte
	next atomic.Uint32 // its next sequence, as last heard
}

// load sends deposits under one strategy, each until it is acknowledged, and
// remembers how each ended.
type load struct {
	trial    *trial
	strategy angzarrv1.MergeStrategy
	accounts []*account

	mutex        sync.Mutex        // guards what follows
	acknowledged map[uint64]uint32 // by the deposit's id: the sequence of its event
	unknown      map[uint64]string // the call ended without an answer, but with this
	failures     map[string]int
	refused      int // answers that the aggregate has moved on
	mostRefused  int // of one deposit
	refusedOnce  int // deposits that were refused at all
}

func newLoad(t *trial, strategy angzarrv1.MergeStrategy, aggregates int) *load {
	l := &load{trial: t, strategy: strategy, acknowledged: map[uint64]uint32{},
		unknown: map[uint64]string{}, failures: map[string]int{}}
	for i := 0; i < aggregates; i++ {
		l.accounts = append(l.accounts, &account{root: engine.NewRoot()})
	}
	return l
}

// run sends so many deposits over all streams.
func (l *load) run(count int) {
	var sent atomic.Int64
	l.onAllStreams(func() (uint64, bool) {
		id := sent.Add(1)
		return uint64(id), id <= int64(count)
	})
}

// runUntil sends deposits until it is told to stop.
func (l *load) runUntil(stop <-chan struct{}) {
	var sent atomic.Int64
	l.onAllStreams(func() (uint64, bool) {
		select {
		case <-stop:
			return 0, false
		default:
			return uint64(sent.Add(1)), true
		}
	})
}

func (l *load) onAllStreams(next func() (uint64, bool)) {
	var all sync.WaitGroup
	for i := 0; i < l.trial.streams; i++ {
		client := l.trial.clients[i%len(l.trial.clients)]
		all.Add(1)
		go func() {
			defer all.Done()
			for id, more := next(); more; id, more = next() {
				l.deposit(client, id)
			}
		}()
	}
	all.Wait()
}

// deposit sends one, again whenever the aggregate has moved on.
func (l *load) deposit(client angzarrv1.CommandHandlerCoordinatorServiceClient, id uint64) {
	account := l.accounts[id%uint64(len(l.accounts))]
	refused := 0
	for {
		err := l.attempt(client, account, entry{id: id, amount: id%7 + 1})
		actual, moved := movedOn(err)
		if !moved {
			l.note(id, refused, err)
			return
		}
		account.next.Store(actual)
		refused++
	}
}

// attempt makes one call; an acknowledged deposit is remembered.
func (l *load) attempt(client angzarrv1.CommandHandlerCoordinatorServiceClient, to *account, deposit entry) error {
	ctx, cancel := context.WithTimeout(context.Background(), patient)
	defer cancel()
	response, err := client.HandleCommand(ctx, engine.Request(domain, to.root,
		engine.Page(l.strategy, to.next.Load(), deposit.pack("ledger.Deposit"))), grpc.WaitForReady(true))
	if err != nil {
		return err
	}
	pages := response.GetEvents().GetPages()
	if len(pages) != 1 {
		return fmt.Errorf("answered with %d events", len(pages))
	}
	to.next.Store(response.GetEvents().GetNextSequence())
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.acknowledged[deposit.id] = pages[0].GetHeader().GetSequence()
	return nil
}

// movedOn reads a mismatch, by its details: where the aggregate is.
func movedOn(err error) (uint32, bool) {
	for _, detail := range status.Convert(err).Details() {
		info, is := detail.(*errdetails.ErrorInfo)
		if !is || info.GetReason() != "SEQUENCE_MISMATCH" {
			continue
		}
		actual, err := strconv.ParseUint(info.GetMetadata()["actual"], 10, 32)
		return uint32(actual), err == nil
	}
	return 0, false
}

func (l *load) note(id uint64, refused int, err error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.refused += refused
	if refused > 0 {
		l.refusedOnce++
	}
	if refused > l.mostRefused {
		l.mostRefused = refused
	}
	switch {
	case err == nil:
	case status.Code(err) == codes.Unavailable:
		l.unknown[id] = err.Error()
	default:
		l.failures[err.Error()]++
	}
}

func (l *load) refusals() string {
	return fmt.Sprintf("%d answers were a mismatch, about %d commands, at most %d about one",
		l.refused, l.refusedOnce, l.mostRefused)
}

// reasons counts what the calls without an answer ended with.
func (l *load) reasons() map[string]int {
	counts := map[string]int{}
	for _, text := range l.unknown {
		counts[text]++
	}
	return counts
}

// awaitMore waits until so many more deposits are acknowledged.
func (l *load) awaitMore(count int) {
	acknowledged := func() int {
		l.mutex.Lock()
		defer l.mutex.Unlock()
		return len(l.acknowledged)
	}
	begun := acknowledged()
	if !engine.WaitFor(time.Minute, func() bool { return acknowledged() >= begun+count }) {
		tap.Bail("no more commands are acknowledged after %d: %v", acknowledged(), l.failures)
	}
}

// check holds the stored events against what was acknowledged.
func (l *load) check(name string) {
	stored := map[uint64]uint32{}
	var gaps, lost, doubled, strange []string
	for _, account := range l.accounts {
		var balance uint64
		for i, e := range l.stored(account) {
			if e.sequence != i {
				gaps = append(gaps, fmt.Sprintf("%x: %d in place of %d", account.root, e.sequence, i))
			}
			balance += e.amount
			if e.balance != balance {
				lost = append(lost, fmt.Sprintf("%x/%d: balance %d, not %d", account.root, i, e.balance, balance))
			}
			if _, twice := stored[e.id]; twice {
				doubled = append(doubled, fmt.Sprintf("%x/%d: deposit %d", account.root, i, e.id))
			}
			stored[e.id] = uint32(e.sequence)
			if _, known := l.acknowledged[e.id]; !known && l.unknown[e.id] == "" {
				strange = append(strange, fmt.Sprintf("%x/%d: deposit %d", account.root, i, e.id))
			}
		}
	}
	tap.OK(len(gaps) == 0, name+": the events of every aggregate are numbered without a gap", first(gaps))
	tap.OK(len(lost) == 0, name+": every balance is that before it and one deposit: no update is lost", first(lost))
	tap.OK(len(doubled) == 0, name+": no deposit is stored twice", first(doubled))
	tap.OK(len(strange) == 0, name+": nothing is stored that was refused", first(strange))
	var missing []string
	for id, sequence := range l.acknowledged {
		if at, is := stored[id]; !is || at != sequence {
			missing = append(missing, fmt.Sprintf("deposit %d acknowledged at %d: stored %v at %d", id, sequence, is, at))
		}
	}
	tap.OK(len(missing) == 0 && len(l.acknowledged) > 0,
		fmt.Sprintf("%s: all %d acknowledged deposits are stored where the answers said", name, len(l.acknowledged)),
		first(missing))
}

// storedEntry is an event as the store has it.
type storedEntry struct {
	entry
	sequence int
}

// stored are an aggregate's events, by sequence.
func (l *load) stored(of *account) []storedEntry {
	text, err := l.trial.SQL("SELECT sequence, encode(payload, 'hex') FROM angzarr.events"+
		" WHERE root = '%x' AND domain = '%s' ORDER BY sequence", of.root, domain)
	if err != nil {
		tap.Bail("%v", err)
	}
	var all []storedEntry
	for _, line := range strings.Fields(text) {
		sequence, payload, _ := strings.Cut(line, "|")
		number, err := strconv.Atoi(sequence)
		if err != nil {
			tap.Bail("the store says %q", line)
		}
		bytes, err := hex.DecodeString(payload)
		if err != nil {
			tap.Bail("the store says %q", line)
		}
		e, err := unpack(bytes)
		if err != nil {
			tap.Bail("the store says %q: %v", line, err)
		}
		all = append(all, storedEntry{entry: e, sequence: number})
	}
	return all
}

func first(problems []string) string {
	if len(problems) > 5 {
		problems = append(problems[:5:5], fmt.Sprintf("and %d more", len(problems)-5))
	}
	return strings.Join(problems, "\n")
}
