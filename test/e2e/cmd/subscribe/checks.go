// What is sent: from when on, how it is put together, in which order.

package main

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"

	angzarrv1 "angzarr.io/proto/angzarr/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"angzarr.io/e2e/internal/engine"
	"angzarr.io/e2e/internal/tap"
)

func (s *suite) checkFilter() {
	for _, c := range []struct{ id, what, says string }{
		{"", "an empty correlation_id", "filter.correlation_id is empty"},
		{"a b", "a correlation_id with a blank", `filter.correlation_id "a b" does not match [A-Za-z0-9_-]*`},
		{strings.Repeat("x", 129), "a correlation_id of 129 characters", "has 129 characters, allowed are 128"},
	} {
		_, err := s.open(context.Background(), s.streams, c.id)
		tap.OK(status.Code(err) == codes.InvalidArgument && strings.Contains(status.Convert(err).Message(), c.says),
			"Subscribe to "+c.what+" is INVALID_ARGUMENT and says what was found", err)
	}
	long := s.subscribe(strings.Repeat("x", 128))
	tap.OK(long != nil, "a correlation_id of 128 characters can be subscribed to")
	long.cancel()
}

func (s *suite) checkStart() {
	before, _ := appending("start", 1)
	s.do(before)
	sub := s.subscribe("start")
	tap.OK(true, "the response headers come before there is any event")
	after, root := appending("start", 1)
	s.do(after)
	tap.Is(show(sub.next()), "sql "+root+" [0] 1", "what is appended in a SQL session after the headers is sent, what was before is not")
	sub.cancel()

	// Each round subscribes anew and appends at once: whatever the engine is at.
	missed, doubled := 0, 0
	for round := 0; round < 100 && missed+doubled == 0; round++ {
		id := fmt.Sprintf("round-%d", round)
		sub := s.subscribe(id)
		statement, root := appending(id, 1)
		last, end := appending(id, 1)
		s.do(statement)
		s.do(last)
		if rootOf(sub.next()) != root {
			missed++
		}
		if rootOf(sub.next()) != end {
			doubled++
		}
		sub.cancel()
	}
	tap.Is(missed, 0, "an append that begins after the headers have arrived is always sent")
	tap.Is(doubled, 0, "and exactly once")

	open := s.session()
	statement, root := appending("start-open", 2)
	s.doIn(open, "BEGIN; %s", statement)
	sub = s.subscribe("start-open")
	s.doIn(open, "COMMIT;")
	tap.Is(show(sub.next()), "sql "+root+" [0 1] 2",
		"what was appended before the headers, but committed after them, is sent too")
	sub.cancel()
	open.Close()
}

func (s *suite) checkBooks() {
	sub := s.subscribe("books")
	id := engine.NewRoot()
	request := engine.Request("obey-three", id, engine.Page(angzarrv1.MergeStrategy_MERGE_STRICT, 0, &anypb.Any{TypeUrl: "/t.Do"}))
	request.Command.Cover.CorrelationId = "books"
	request.Command.Cover.Ext = &anypb.Any{TypeUrl: "/test.Ext", Value: []byte("of the client")}
	answer := s.command(request)
	book := sub.next()
	tap.Is(show(book), "obey-three "+uuidText(id)+" [0 1 2] 3", "the three events of one command are one book, with its next_sequence")
	tap.OK(book.GetSnapshot() == nil, "a book that is sent has no snapshot")
	tap.OK(proto.Equal(book.GetCover(), request.Command.Cover),
		"its cover has domain, root, correlation_id and ext, and main as an unset edition", book.GetCover())
	same := len(book.GetPages()) == len(answer.GetEvents().GetPages())
	for i, page := range book.GetPages() {
		same = same && proto.Equal(page, answer.Events.Pages[i])
	}
	tap.OK(same, "its pages are those that the command was answered with", book, answer)

	request = engine.Request("own-ext", engine.NewRoot(), engine.Page(angzarrv1.MergeStrategy_MERGE_STRICT, 0, &anypb.Any{TypeUrl: "/t.Do"}))
	request.Command.Cover.CorrelationId = "books"
	s.command(request)
	tap.Is(string(sub.next().GetCover().GetExt().GetValue()), "of the handler", "the ext is the one that was stored")

	root := uuidText(id)
	s.do("SELECT angzarr.append('obey-three', '%s', 1, ARRAY[angzarr.new_event('t.Branched', 'x')], 'what-if', 'books');", root)
	book = sub.next()
	edition := book.GetCover().GetEdition()
	tap.OK(show(book) == "obey-three "+root+" [1] 2" && edition.GetName() == "what-if" &&
		len(edition.GetDivergences()) == 1 && edition.Divergences[0].GetSequence() == 1,
		"an event of an edition is sent, and its cover says which edition and where that leaves main", book)
	sub.cancel()
}

func (s *suite) command(request *angzarrv1.CommandRequest) *angzarrv1.CommandResponse {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	answer, err := s.Commands.HandleCommand(ctx, request)
	if err != nil {
		tap.Bail("a plain command failed: %v", err)
	}
	return answer
}

func (s *suite) checkGrouping() {
	sub := s.subscribe("grouping")
	statement, root := appending("grouping", 2)
	s.do("%s %s", statement, appendingTo(root, 2, "grouping", 1))
	tap.OK(reflect.DeepEqual(showAll(sub.take(2)), []string{"sql " + root + " [0 1] 2", "sql " + root + " [2] 3"}),
		"two appends to one stream are two books")

	statement, root = appending("grouping", 2)
	s.do("BEGIN; %s %s COMMIT;", statement, appendingTo(root, 2, "grouping", 1))
	tap.Is(show(sub.next()), "sql "+root+" [0 1 2] 3", "what one transaction appends to one stream is one book")

	statement, root = appending("grouping", 1)
	s.do("BEGIN; %s %s %s COMMIT;", statement, appendingTo(root, 1, "other", 1), appendingTo(root, 2, "grouping", 1))
	tap.OK(reflect.DeepEqual(showAll(sub.take(2)), []string{"sql " + root + " [0] 1", "sql " + root + " [2] 3"}),
		"events of another correlation id are no part of it, and divide it")

	// Two commands of two pages each: first pages are stored before second ones.
	a, b := "00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b"
	s.do(`SELECT count(*) FROM (SELECT angzarr.append_batch(
		'{%[1]s,%[1]s,%[2]s,%[2]s}', '{sql,sql,sql,sql}', '{"","","",""}', '{0,1,0,1}', '{0,1,0,1}',
		array_fill(NULL::timestamptz, '{4}'), array_fill('grouping'::text, '{4}'), array_fill('/t.Batch'::text, '{4}'),
		array_fill('x'::bytea, '{4}'), array_fill(NULL::bytea, '{4}'), array_fill(NULL::bytea, '{4}'),
		array_fill(false, '{4}'), array_fill(0, '{4}'), array_fill(NULL::text, '{4}'), array_fill(NULL::text, '{4}'),
		array_fill(NULL::uuid, '{4}'), array_fill(NULL::bigint, '{4}'), array_fill(NULL::text, '{4}'))) AS b;`, a, b)
	mixed := s.do("SELECT string_agg(right(root::text, 1), '' ORDER BY position) FROM angzarr.events WHERE type_url = '/t.Batch';")
	tap.Is(mixed, "abab", "(a batch stores events of two appends by turns)")
	tap.OK(reflect.DeepEqual(showAll(sub.take(2)), []string{"sql " + a + " [0 1] 2", "sql " + b + " [0 1] 2"}),
		"events of one append that do not follow each other in the log are one book, in the order of the first events")

	// Many in flight, so that ticks hold many commands of one correlation id.
	const commands = 300
	var group sync.WaitGroup
	for i := 0; i < commands; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			request := engine.Request("obey-three", engine.NewRoot(), engine.Page(angzarrv1.MergeStrategy_MERGE_STRICT, 0, &anypb.Any{TypeUrl: "/t.Do"}))
			request.Command.Cover.CorrelationId = "grouping"
			s.command(request)
		}()
	}
	group.Wait()
	books := sub.take(commands)
	whole := 0
	var roots []string
	for _, book := range books {
		if strings.HasSuffix(show(book), "[0 1 2] 3") {
			whole++
		}
		roots = append(roots, rootOf(book))
	}
	tap.Is(whole, commands, "of many commands in flight each one's events are one book")
	tap.Is(strings.Join(roots, "\n"),
		s.do("SELECT root FROM angzarr.events WHERE domain = 'obey-three' AND correlation_id = 'grouping' AND sequence = 0 ORDER BY position;"),
		"and the books come in log order")

	// More events than are read at one time, in one transaction.
	root = uuidText(engine.NewRoot())
	s.do(`SELECT angzarr.append('sql', '%s', 0, array_agg(angzarr.new_event('t.Many', 'x')), correlation_id => 'grouping')
		FROM generate_series(1, 2500);`, root)
	book := sub.next()
	tap.OK(rootOf(book) == root && len(book.GetPages()) == 2500 && book.GetNextSequence() == 2500,
		"an append that is read in several turns is one book", len(book.GetPages()))

	sub.cancel()
	s.checkPieces()
}

// checkPieces is about a book larger than a message may be, which needs a
// larger buffer than the server has at first.
func (s *suite) checkPieces() {
	s.do(`ALTER SYSTEM SET angzarr.subscriber_buffer = '16MB'; SELECT pg_reload_conf();`)
	var pages, pieces int
	inOrder := true
	whole := engine.WaitFor(patience, func() bool {
		sub := s.subscribe("pieces")
		defer sub.cancel()
		root := uuidText(engine.NewRoot())
		s.do(`SELECT angzarr.append('sql', '%s', 0, array_agg(angzarr.new_event('t.Big', convert_to(repeat('x', 200000), 'UTF8'))), correlation_id => 'pieces')
			FROM generate_series(1, 30);`, root)
		for pages, pieces = 0, 0; pages < 30; pieces++ {
			book := sub.next()
			if book == nil {
				break
			}
			inOrder = inOrder && rootOf(book) == root && proto.Size(book) <= 1<<20 && book.Pages[0].GetHeader().GetSequence() == uint32(pages)
			pages += len(book.Pages)
			inOrder = inOrder && book.GetNextSequence() == uint32(pages)
		}
		return pages == 30
	})
	tap.OK(whole && pieces > 1 && inOrder, "a book larger than 1 MB is sent as several with the same cover and consecutive pages", pages, pieces)
	s.do(`ALTER SYSTEM RESET angzarr.subscriber_buffer; SELECT pg_reload_conf();`)
}

func (s *suite) checkOrder() {
	sub := s.subscribe("order")
	for _, c := range []struct{ how, end string }{
		{"BEGIN; %s", "COMMIT;"},
		{"BEGIN; %s PREPARE TRANSACTION 'p';", "COMMIT PREPARED 'p';"},
	} {
		open := s.session()
		first, held := appending("order", 1)
		s.doIn(open, c.how, first)
		var want []string
		want = append(want, "sql "+held+" [0] 1")
		for i := 0; i < 3; i++ {
			statement, root := appending("order", 1)
			s.do(statement)
			want = append(want, "sql "+root+" [0] 1")
		}
		early := sub.nextWithin(500 * time.Millisecond)
		tap.OK(early == nil, "before "+c.end+" later events wait for the transaction, which has drawn an earlier position", early)
		s.doIn(open, c.end)
		got := showAll(sub.take(4))
		tap.OK(reflect.DeepEqual(got, want), "after "+c.end+" all come, in log order", got, want)
		open.Close()
	}
	open := s.session()
	first, _ := appending("order", 1)
	s.doIn(open, "BEGIN; %s", first)
	statement, root := appending("order", 1)
	s.do(statement)
	s.doIn(open, "ROLLBACK;")
	tap.Is(show(sub.next()), "sql "+root+" [0] 1", "after a rollback the later ones come, and what was rolled back does not")

	s.doIn(open, "CREATE TABLE IF NOT EXISTS idle (); BEGIN; INSERT INTO idle DEFAULT VALUES;")
	statement, root = appending("order", 1)
	s.do(statement)
	tap.Is(show(sub.next()), "sql "+root+" [0] 1", "an open transaction that has not appended holds nothing back")
	open.Close()
	sub.cancel()
}

func (sub *subscription) nextWithin(limit time.Duration) *angzarrv1.EventBook {
	select {
	case book := <-sub.books:
		return book
	case <-time.After(limit):
		return nil
	}
}

func (s *suite) checkWhatIsNotSent() {
	sub := s.subscribe("isolated")
	request := engine.Request("obey", engine.NewRoot(), engine.Page(angzarrv1.MergeStrategy_MERGE_STRICT, 0, &anypb.Any{TypeUrl: "/t.Do"}))
	request.Command.Cover.CorrelationId = "isolated"
	request.SyncMode = angzarrv1.SyncMode_SYNC_MODE_ISOLATED
	s.command(request)
	other, _ := appending("isolated-not", 1)
	s.do(other)
	without, _ := appending("", 1)
	s.do(without)
	statement, root := appending("isolated", 1)
	s.do(statement)
	stored := s.do("SELECT count(*) FROM angzarr.events WHERE correlation_id = 'isolated';")
	tap.Is(stored+" "+show(sub.next()), "2 sql "+root+" [0] 1",
		"ISOLATED events never reach Subscribe, nor do those of another correlation id or of none")
	sub.cancel()
}
