// What it costs, how many there may be, and how subscriptions end.

package main

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	angzarrv1 "angzarr.io/proto/angzarr/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"

	"angzarr.io/e2e/internal/engine"
	"angzarr.io/e2e/internal/tap"
)

// transactions counts those of the engine, but for its looks for listeners.
func (s *suite) transactions() int64 {
	n, err := s.Count("SELECT sum(transactions) FROM angzarr.workers")
	if err != nil {
		tap.Bail("could not count transactions: %v", err)
	}
	return n
}

// settled waits until the engine has nothing to do any more.
func (s *suite) settled() int64 {
	last := int64(-1)
	engine.WaitFor(patience, func() bool {
		time.Sleep(300 * time.Millisecond)
		now := s.transactions()
		quiet := now == last
		last = now
		return quiet
	})
	return last
}

func (s *suite) checkCost() {
	sub := s.subscribe("cost")
	idle := s.settled()
	time.Sleep(1500 * time.Millisecond)
	tap.Is(s.transactions(), idle, "while nobody appends the engine asks the database nothing for a subscriber")
	statement, _ := appending("cost", 1)
	s.do(statement)
	tap.OK(sub.next() != nil, "and yet hears of the next append")
	sub.cancel()

	// A client that vanishes with all it had subscribed to.
	connection, err := engine.Connect(s.Address)
	if err != nil {
		tap.Bail("no connection: %v", err)
	}
	for i := 0; i < 10; i++ {
		if _, err := s.open(context.Background(), angzarrv1.NewEventStreamServiceClient(connection), "cost"); err != nil {
			tap.Bail("could not subscribe: %v", err)
		}
	}
	connection.Close()

	// Nobody is left: neither here nor from the checks before.
	gone := engine.WaitFor(patience, func() bool {
		before := s.settled()
		for i := 0; i < 20; i++ {
			statement, _ := appending("cost", 1)
			s.do(statement)
		}
		return s.settled() == before
	})
	tap.OK(gone, "when the last subscriber has gone, by its own will or with its connection, appends cost the engine no statement")
	before := s.settled()
	s.command(engine.Request("obey", engine.NewRoot(),
		engine.Page(angzarrv1.MergeStrategy_MERGE_STRICT, 0, &anypb.Any{TypeUrl: "/t.Do"})))
	tap.Is(s.settled()-before, 2, "a command without subscribers is two transactions: load and append")
}

func (s *suite) checkUnderLoad() {
	const writers, appends = 6, 150
	sub := s.subscribe("load")
	var group sync.WaitGroup
	for w := 0; w < writers; w++ {
		group.Add(1)
		go func(w int) {
			defer group.Done()
			_, err := s.SQL(`DO $$
				BEGIN
					FOR i IN 1..%d LOOP
						PERFORM angzarr.append('load', angzarr.root_of('load', '%d/' || i), 0,
							ARRAY[angzarr.new_event('t.A', 'x'), angzarr.new_event('t.B', 'y')], correlation_id => 'load');
						PERFORM pg_sleep(random() * 0.003);
						IF random() < 0.1 THEN ROLLBACK; ELSE COMMIT; END IF;
					END LOOP;
				END $$`, appends, w)
			if err != nil {
				tap.Bail("a writer failed: %v", err)
			}
		}(w)
	}
	group.Wait()
	stored := strings.Fields(s.do("SELECT root FROM angzarr.events WHERE domain = 'load' AND sequence = 0 ORDER BY position;"))
	books := sub.take(len(stored))
	whole := 0
	var got []string
	for _, book := range books {
		got = append(got, rootOf(book))
		if strings.HasSuffix(show(book), "[0 1] 2") {
			whole++
		}
	}
	tap.Is(strings.Join(got, " "), strings.Join(stored, " "),
		"under load, with rollbacks and appends that overlap, every append is sent once, in log order")
	tap.Is(whole, len(stored), "and each as one book")
	tap.OK(sub.nextWithin(300*time.Millisecond) == nil, "and nothing besides")
	sub.cancel()
}

func (s *suite) checkMany() {
	const subscribers = 200
	var all []*subscription
	for i := 0; i < subscribers; i++ {
		id := "many-shared"
		if i%2 == 1 {
			id = fmt.Sprintf("many-%d", i)
		}
		all = append(all, s.subscribe(id))
	}
	shared, root := appending("many-shared", 2)
	s.do(shared)
	var own []string
	for i := 1; i < subscribers; i += 2 {
		statement, root := appending(fmt.Sprintf("many-%d", i), 1)
		s.do(statement)
		own = append(own, root)
	}
	right := 0
	for i, sub := range all {
		want := "sql " + root + " [0 1] 2"
		if i%2 == 1 {
			want = "sql " + own[i/2] + " [0] 1"
		}
		if show(sub.next()) == want {
			right++
		}
	}
	tap.Is(right, subscribers, "200 subscribers at once get each what is theirs")
	extra := 0
	for _, sub := range all {
		if len(sub.books) > 0 {
			extra++
		}
		sub.cancel()
	}
	tap.Is(extra, 0, "and nothing else")
}

func (s *suite) checkSlow() {
	// A client of its own, whose connection does not read for it either.
	connection, err := engine.Connect(s.Address)
	if err != nil {
		tap.Bail("no connection: %v", err)
	}
	defer connection.Close()
	slow, err := s.open(context.Background(), angzarrv1.NewEventStreamServiceClient(connection), "slow")
	if err != nil {
		tap.Bail("could not subscribe: %v", err)
	}
	fast := s.subscribe("slow")
	bystander := s.subscribe("slow-not")

	const appends = 60
	var roots, got []string
	for i := 0; i < appends; i++ {
		root := uuidText(engine.NewRoot())
		s.do("SELECT angzarr.append('sql', '%s', 0, ARRAY[angzarr.new_event('t.Big', convert_to(repeat('x', 50000), 'UTF8'))], correlation_id => 'slow');", root)
		roots = append(roots, root)
		// One that keeps up, however slow this machine is.
		if book := fast.next(); book != nil {
			got = append(got, rootOf(book))
		}
	}
	tap.Is(strings.Join(got, " "), strings.Join(roots, " "),
		"while a slow subscriber reads nothing another one of the same correlation id is sent everything")
	statement, root := appending("slow-not", 1)
	s.do(statement)
	tap.Is(rootOf(bystander.next()), root, "and so is one of another correlation id")
	tap.OK(fast.nextWithin(0) == nil && len(fast.books) == 0, "whose streams go on")

	go slow.read()
	got = nil
	for book := range slow.books {
		got = append(got, rootOf(book))
	}
	said := status.Convert(slow.end).Message()
	tap.Is(status.Code(slow.end), codes.ResourceExhausted, "a subscriber that does not read ends with RESOURCE_EXHAUSTED", slow.end)
	tap.OK(len(got) > 0 && len(got) < appends && strings.Join(got, " ") == strings.Join(roots[:len(got)], " "),
		"what it was sent until then is complete and in order", len(got))
	last := fmt.Sprintf("everything up to sql/%s sequence 0 ", lastOf(roots[:len(got)]))
	tap.OK(strings.Contains(said, last), "it is told up to which event it has everything", said, last)
	tap.OK(strings.Contains(said, "angzarr.subscriber_buffer") && strings.Contains(said, "subscribe again, then read what is missing with EventQueryService.GetEvents"),
		"and which limit that was, and what to do", said)
	found := regexp.MustCompile(`(\d+) bytes wait to be read, allowed are (\d+)`).FindStringSubmatch(said)
	if len(found) == 3 {
		waiting, _ := strconv.Atoi(found[1])
		tap.OK(found[2] == strconv.Itoa(subscriberBuffer) && waiting > subscriberBuffer && waiting <= subscriberBuffer+51000,
			"no more waits for it than the buffer and one book", said)
	} else {
		tap.OK(false, "no more waits for it than the buffer and one book", said)
	}
	fast.cancel()
	bystander.cancel()
}

func (s *suite) checkEnds() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	sub, err := s.open(ctx, s.streams, "ends")
	if err != nil {
		tap.Bail("could not subscribe: %v", err)
	}
	go sub.read()
	tap.Is(sub.code(), codes.DeadlineExceeded, "a client's deadline ends its subscription with DEADLINE_EXCEEDED")

	for _, c := range []struct{ what, statement string }{
		{"a restart of the engine", "SELECT pg_terminate_backend(pid) FROM angzarr.workers;"},
		{"DROP EXTENSION", "DROP EXTENSION angzarr;"},
	} {
		sub := s.subscribe("ends")
		s.do(c.statement)
		tap.Is(sub.code(), codes.Unavailable, c.what+" ends a subscription with UNAVAILABLE", sub.end)
		if strings.HasPrefix(c.statement, "DROP") {
			s.do("CREATE EXTENSION angzarr;")
		}
		var again *subscription
		engine.WaitFor(patience, func() bool {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			probe, err := s.open(ctx, s.streams, "ends")
			if err == nil {
				probe.cancel()
				again = s.subscribe("ends")
			}
			return err == nil
		})
		if again == nil {
			tap.OK(false, "after "+c.what+" one can subscribe again")
			continue
		}
		statement, root := appending("ends", 1)
		s.do(statement)
		tap.Is(rootOf(again.next()), root, "after "+c.what+" one can subscribe again")
		again.cancel()
	}
}

func lastOf(list []string) string {
	if len(list) == 0 {
		return "nothing"
	}
	return list[len(list)-1]
}
