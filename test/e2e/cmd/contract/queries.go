// Queries: contract section 9, sentence by sentence.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	angzarrv1 "angzarr.io/proto/angzarr/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"angzarr.io/e2e/internal/engine"
	"angzarr.io/e2e/internal/tap"
)

// The store that these queries look at; domains q1 and q2 are written from SQL.
type store struct {
	a, b, c []byte // roots of q1; a has an aggregate in q2 as well
}

// query asks for one book.
func (s *suite) query(q *angzarrv1.Query) (*angzarrv1.EventBook, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return s.Queries.GetEventBook(ctx, q)
}

// events collects the books of GetEvents.
func (s *suite) stream(q *angzarrv1.Query) ([]*angzarrv1.EventBook, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	stream, err := s.Queries.GetEvents(ctx, q)
	if err != nil {
		return nil, err
	}
	var books []*angzarrv1.EventBook
	for {
		book, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return books, nil
		}
		if err != nil {
			return books, err
		}
		books = append(books, book)
	}
}

// put appends events from SQL: so many, all with one correlation id, of an edition or of main ("").
func (s *suite) put(domain string, root []byte, first, count int, correlation, edition string) {
	s.must(`SELECT angzarr.append('%s', '%s', %d, array_agg(angzarr.new_event('/q.Added',
		convert_to('%s%s' || i, 'UTF8'), timestamptz '2026-01-01 00:00:00Z' + (%d + i) * interval '1 minute') ORDER BY i),
		edition => '%s', correlation_id => '%s') FROM generate_series(0, %d - 1) AS i`,
		domain, uuidText(root), first, correlation, edition, first, edition, correlation, count)
}

func (s *suite) must(format string, args ...any) string {
	text, err := s.SQL(format, args...)
	if err != nil {
		tap.Bail("%v", err)
	}
	return text
}

func (s *suite) checkQueries() {
	s.checkBook()
	w := &store{engine.NewRoot(), engine.NewRoot(), engine.NewRoot()}
	s.put("q1", w.a, 0, 3, "one", "")
	s.put("q1", w.b, 0, 2, "two", "")
	s.put("q1", w.a, 3, 3, "two", "")
	s.put("q2", w.a, 0, 1, "two", "")
	s.put("q1", w.a, 4, 3, "branch", "what-if")
	s.checkSelections(w)
	s.checkCorrelation(w)
	s.checkEditions(w)
	s.checkSnapshotQuery()
	s.checkPointsInTime(w)
	s.checkRefusedQueries(w)
	s.checkIsolatedQuery(w)
	s.checkStreams(w)
	s.checkSynchronize(w)
	s.checkRoots(w)
	s.checkEndings(w)
}

func (s *suite) checkBook() {
	id := engine.NewRoot()
	written := s.mustSend(engine.Request("obey-three", id, page(0))).Events
	book, err := s.query(&angzarrv1.Query{Cover: engine.Cover("obey-three", id)})
	tap.OK(err == nil && proto.Equal(book, written), "GetEventBook gives what the command was answered with", err, book)
	unknown := engine.NewRoot()
	for _, name := range []string{"obey-three", "nobody"} {
		book, err := s.query(&angzarrv1.Query{Cover: engine.Cover(name, unknown)})
		tap.OK(err == nil && isEmpty(book) && book.GetCover().GetDomain() == name,
			"an unknown aggregate or domain is OK with an empty book (domain "+name+")", err, book)
	}
}

func isEmpty(book *angzarrv1.EventBook) bool {
	return len(book.Pages) == 0 && book.NextSequence == 0 && book.Snapshot == nil
}

func ranged(cover *angzarrv1.Cover, lower uint32, upper *uint32) *angzarrv1.Query {
	return &angzarrv1.Query{Cover: cover,
		Selection: &angzarrv1.Query_Range{Range: &angzarrv1.SequenceRange{Lower: lower, Upper: upper}}}
}

func listed(cover *angzarrv1.Cover, values ...uint32) *angzarrv1.Query {
	return &angzarrv1.Query{Cover: cover,
		Selection: &angzarrv1.Query_Sequences{Sequences: &angzarrv1.SequenceSet{Values: values}}}
}

func asOfSequence(cover *angzarrv1.Cover, sequence uint32) *angzarrv1.Query {
	return &angzarrv1.Query{Cover: cover, Selection: &angzarrv1.Query_Temporal{Temporal: &angzarrv1.TemporalQuery{
		PointInTime: &angzarrv1.TemporalQuery_AsOfSequence{AsOfSequence: sequence}}}}
}

func asOfTime(cover *angzarrv1.Cover, at time.Time) *angzarrv1.Query {
	return &angzarrv1.Query{Cover: cover, Selection: &angzarrv1.Query_Temporal{Temporal: &angzarrv1.TemporalQuery{
		PointInTime: &angzarrv1.TemporalQuery_AsOfTime{AsOfTime: timestamppb.New(at)}}}}
}

// correlated is a cover for pages with an id: of any domain (""), of any root (nil).
func correlated(domain string, root []byte, id string) *angzarrv1.Cover {
	cover := &angzarrv1.Cover{Domain: domain, CorrelationId: id}
	if root != nil {
		cover.Root = &angzarrv1.UUID{Value: root}
	}
	return cover
}

// on puts a cover on an edition that may say where it diverges in q1.
func on(cover *angzarrv1.Cover, edition string, diverges ...uint32) *angzarrv1.Cover {
	cover.Edition = &angzarrv1.Edition{Name: edition}
	for _, sequence := range diverges {
		cover.Edition.Divergences = append(cover.Edition.Divergences,
			&angzarrv1.DomainDivergence{Domain: "q1", Sequence: sequence})
	}
	return cover
}

// asked checks what a query gives, from GetEventBook and from GetEvents alike.
func (s *suite) asked(q *angzarrv1.Query, want string, next uint32, name string) *angzarrv1.EventBook {
	book, err := s.query(q)
	books, streamed := s.stream(q)
	same := streamed == nil && len(books) == 1 && proto.Equal(books[0], book)
	tap.OK(err == nil && same && numbers(book) == want && book.NextSequence == next, name, err, streamed, book, books)
	return book
}

func (s *suite) checkSelections(w *store) {
	s.must(`INSERT INTO angzarr.snapshots (root, domain, sequence, created_at, retention, type_url, state)
		VALUES ('%s', 'q1', 1, '2026-01-01 00:01:30Z', 1, '/q.State', 'one')`, uuidText(w.b))
	for _, c := range []struct {
		name  string
		lower uint32
		upper *uint32
		want  string
		next  uint32
	}{
		{"from 1", 1, nil, "[1 2 3 4 5]", 6},
		{"from 1 to 1", 1, proto.Uint32(1), "[1]", 2},
		{"from 0 to 1", 0, proto.Uint32(1), "[0 1]", 2},
		{"from 0 to 0", 0, proto.Uint32(0), "[0]", 1},
		{"from 5 to 4294967295", 5, proto.Uint32(4294967295), "[5]", 6},
		{"from 6", 6, nil, "[]", 0},
		{"from 2 to 1", 2, proto.Uint32(1), "[]", 0},
	} {
		s.asked(ranged(engine.Cover("q1", w.a), c.lower, c.upper), c.want, c.next,
			"a range "+c.name+" of six events gives "+c.want+", upper included, and next_sequence follows")
	}
	book := s.asked(ranged(engine.Cover("q1", w.b), 0, nil), "[0 1]", 2, "a range gives its pages")
	tap.OK(book.GetSnapshot() == nil, "a range gives no snapshot", book)
	book = s.asked(listed(engine.Cover("q1", w.b), 1), "[1]", 2, "a set of sequences gives its pages")
	tap.OK(book.GetSnapshot() == nil, "a set of sequences gives no snapshot", book)
	s.asked(listed(engine.Cover("q1", w.a), 4, 0, 99, 4, 2), "[0 2 4]", 5,
		"a set of sequences gives exactly those that exist, each once, in order")
	s.asked(listed(engine.Cover("q1", w.a)), "[]", 0, "an empty set of sequences gives no pages")
	s.asked(listed(on(engine.Cover("q1", w.a), "what-if"), 3, 4, 7), "[3 4]", 5,
		"a set of sequences of an edition gives main's pages below the divergence and its own")
	s.refused(listed(engine.Cover("q1", w.a), make([]uint32, 10001)...), codes.InvalidArgument,
		"more sequences than angzarr.max_query_sequences are INVALID_ARGUMENT",
		"query.sequences", "10001", "10000", "angzarr.max_query_sequences")
}

// refused checks that every method refuses a query in the same way.
func (s *suite) refused(q *angzarrv1.Query, code codes.Code, name string, words ...string) {
	_, single := s.query(q)
	_, stream := s.stream(q)
	_, synchronized := s.synchronize(q)
	ok := true
	for _, err := range []error{single, stream, synchronized} {
		ok = ok && status.Code(err) == code && missingWords(status.Convert(err).Message(), words) == ""
	}
	tap.OK(ok, name, single, stream, synchronized)
}

func (s *suite) checkCorrelation(w *store) {
	book := s.asked(&angzarrv1.Query{Cover: correlated("q1", w.a, "two")}, "[3 4 5]", 6,
		"by correlation id with a root: only that aggregate's pages with that id")
	tap.Is(book.GetCover().GetCorrelationId(), "two", "the cover of the answer shows that correlation id")
	tap.OK(book.GetSnapshot() == nil, "by correlation id there is no snapshot", book)
	early := s.asked(&angzarrv1.Query{Cover: correlated("q1", w.a, "one")}, "[0 1 2]", 3,
		"by correlation id next_sequence follows from the pages given")
	tap.Is(early.GetCover().GetCorrelationId(), "one", "the cover shows the id asked for, not that of the aggregate's last page")

	first, err := s.query(&angzarrv1.Query{Cover: correlated("", nil, "two")})
	tap.OK(err == nil && numbers(first) == "[0 1]" && string(first.GetCover().GetRoot().GetValue()) == string(w.b),
		"of several aggregates GetEventBook gives the one whose page has the lowest position", err, first)
	tap.Is(s.books(correlated("", nil, "two")), "q1/b[0 1] q1/a[3 4 5] q2/a[0]",
		"without domain all domains; GetEvents gives one aggregate after the other in the order of the lowest position")
	tap.Is(s.books(correlated("q1", nil, "two")), "q1/b[0 1] q1/a[3 4 5]", "with a domain only that domain's aggregates")
	s.asked(ranged(correlated("q1", w.a, "two"), 4, nil), "[4 5]", 6, "a range of a correlation id gives its pages with that id")
	s.asked(listed(correlated("q1", w.a, "two"), 0, 3, 5), "[3 5]", 6, "a set of a correlation id gives those with that id")
	s.asked(asOfSequence(correlated("q1", w.a, "two"), 4), "[3 4]", 5, "as of a sequence a correlation id gives the pages up to it")
	s.asked(asOfTime(correlated("q1", w.a, "two"), minute(3)), "[3]", 4, "as of a time a correlation id gives the pages up to it")

	none := s.asked(&angzarrv1.Query{Cover: correlated("", nil, "nothing-has-it")}, "[]", 0,
		"a correlation id that no page has is OK with an empty book")
	tap.OK(none.GetCover().GetCorrelationId() == "nothing-has-it" && none.GetCover().GetRoot() == nil,
		"the empty book of a correlation id shows that id", none)
	s.asked(&angzarrv1.Query{Cover: correlated("q1", nil, "branch")}, "[]", 0, "a correlation query is of main unless it says otherwise")
	s.asked(&angzarrv1.Query{Cover: on(correlated("q1", nil, "branch"), "what-if")}, "[4 5 6]", 7,
		"a correlation query of an edition gives its own pages with that id")
	s.asked(&angzarrv1.Query{Cover: on(correlated("q1", w.a, "two"), "what-if")}, "[3]", 4,
		"a correlation query of an edition gives main's pages with that id below the divergence")
}

func minute(n int) time.Time { return time.Date(2026, 1, 1, 0, n, 0, 0, time.UTC) }

// books shows what GetEvents gives as domain/root[sequences], roots by their letter.
func (s *suite) books(cover *angzarrv1.Cover) string {
	books, err := s.stream(&angzarrv1.Query{Cover: cover})
	if err != nil {
		return err.Error()
	}
	return s.show(books)
}

func (s *suite) show(books []*angzarrv1.EventBook) string {
	var shown []string
	for _, book := range books {
		text := s.must(`SELECT CASE WHEN min(sequence) FILTER (WHERE correlation_id = 'one') IS NOT NULL THEN 'a'
			WHEN bool_or(domain = 'q2') THEN 'a' WHEN max(sequence) = 1 THEN 'b' ELSE 'c' END
			FROM angzarr.events WHERE domain IN ('q1', 'q2') AND root = '%s'`, uuidText(book.GetCover().GetRoot().GetValue()))
		shown = append(shown, book.GetCover().GetDomain()+"/"+text+numbers(book))
	}
	return strings.Join(shown, " ")
}

func (s *suite) checkEditions(w *store) {
	book := s.asked(&angzarrv1.Query{Cover: on(engine.Cover("q1", w.a), "what-if")}, "[0 1 2 3 4 5 6]", 7,
		"reads of an edition are main events below the divergence plus the edition's own")
	tap.Is(string(book.Pages[4].GetEvent().GetValue()), "branchwhat-if0", "from the divergence on they are the edition's")
	tap.Is(book.GetCover().GetEdition().GetName(), "what-if", "the cover names the edition")
	s.asked(&angzarrv1.Query{Cover: engine.Cover("q1", w.a)}, "[0 1 2 3 4 5]", 6, "main does not show what an edition has")
	s.asked(&angzarrv1.Query{Cover: on(engine.Cover("q1", w.a), "angzarr")}, "[0 1 2 3 4 5]", 6, "edition angzarr is main")
	s.asked(&angzarrv1.Query{Cover: on(engine.Cover("q1", w.a), "what-if", 4)}, "[0 1 2 3 4 5 6]", 7,
		"a cover that agrees with existing own events is fine")
	s.refused(&angzarrv1.Query{Cover: on(engine.Cover("q1", w.a), "what-if", 3)}, codes.FailedPrecondition,
		"a cover that disagrees with existing own events: FAILED_PRECONDITION naming both", "what-if", "4", "3", uuidText(w.a))
	s.refused(listed(on(engine.Cover("q1", w.a), "what-if", 3), 0), codes.FailedPrecondition,
		"also for a set of sequences", "4", "3")
	said := s.asked(&angzarrv1.Query{Cover: on(engine.Cover("q1", w.a), "unwritten", 2)}, "[0 1]", 2,
		"the cover's divergence counts first")
	tap.OK(len(said.GetCover().GetEdition().GetDivergences()) == 1 &&
		said.GetCover().GetEdition().GetDivergences()[0].GetSequence() == 2, "the answer's cover shows the divergence it was asked for", said)
	s.must("SELECT angzarr.create_edition('planned', 'q1', 3)")
	s.asked(&angzarrv1.Query{Cover: on(engine.Cover("q1", w.a), "planned")}, "[0 1 2]", 3,
		"the row in editions counts where no cover says otherwise")
	s.asked(&angzarrv1.Query{Cover: on(engine.Cover("q1", w.a), "planned", 2)}, "[0 1]", 2, "the cover counts before the row in editions")
	s.asked(&angzarrv1.Query{Cover: on(engine.Cover("q1", w.a), "nobody-wrote")}, "[0 1 2 3 4 5]", 6,
		"an edition that nothing says anything about diverges at main's next")
	s.asked(ranged(on(engine.Cover("q1", w.a), "what-if"), 3, proto.Uint32(4)), "[3 4]", 5, "a range of an edition crosses the divergence")
}

func (s *suite) checkSnapshotQuery() {
	kept := engine.NewRoot()
	s.mustSend(engine.Request("snapshot", kept, page(0)))
	s.put("snapshot", kept, 2, 1, "", "")
	begun := s.asked(&angzarrv1.Query{Cover: engine.Cover("snapshot", kept)}, "[2]", 3,
		"a book begins with the newest snapshot that business logic gave, and goes on with the pages after it")
	tap.Is(begun.GetSnapshot().GetSequence(), 1, "that snapshot is of the last event of its command")
	id := engine.NewRoot()
	s.mustSend(engine.Request("obey-three", id, page(0)))
	s.mustSend(engine.Request("obey-three", id, page(3)))
	s.must("INSERT INTO angzarr.snapshots (root, domain, sequence, created_at, type_url, state)"+
		" VALUES ('%s', 'obey-three', 3, now(), '/shop.State', 'state')", uuidText(id))
	book := s.asked(&angzarrv1.Query{Cover: engine.Cover("obey-three", id)}, "[4 5]", 6,
		"GetEventBook by root gives the newest snapshot and the pages after it")
	tap.OK(book.GetSnapshot().GetSequence() == 3 && string(book.GetSnapshot().GetState().GetValue()) == "state",
		"the snapshot of a book is the stored one", book)
}

func (s *suite) checkPointsInTime(w *store) {
	s.must(`INSERT INTO angzarr.snapshots (root, domain, sequence, created_at, retention, type_url, state) VALUES
		('%[1]s', 'q1', 1, '2026-01-01 00:01:30Z', 1, '/q.State', 'two'),
		('%[1]s', 'q1', 3, NULL, 1, '/q.State', 'four'),
		('%[1]s', 'q1', 4, '2026-01-01 00:04:30Z', 0, '/q.State', 'five')`, uuidText(w.a))
	cover := engine.Cover("q1", w.a)
	for _, c := range []struct {
		name     string
		query    *angzarrv1.Query
		snapshot string
		want     string
		next     uint32
	}{
		{"as_of_sequence 0: no snapshot that early, every page from 0", asOfSequence(cover, 0), "", "[0]", 1},
		{"as_of_sequence 1: the snapshot with sequence 1 and no pages, as they are equal", asOfSequence(cover, 1), "two", "[]", 2},
		{"as_of_sequence 2: the newest snapshot with sequence at most 2, then pages up to 2", asOfSequence(cover, 2), "two", "[2]", 3},
		{"as_of_sequence 3: a snapshot of unknown time serves a question about a sequence", asOfSequence(cover, 3), "four", "[]", 4},
		{"as_of_sequence 99: what there is now", asOfSequence(cover, 99), "five", "[5]", 6},
		{"as_of_time before the first event: no snapshot and no pages", asOfTime(cover, minute(-1)), "", "[]", 0},
		{"as_of_time 1: no snapshot that early, every page from 0 up to that time", asOfTime(cover, minute(1)), "", "[0 1]", 2},
		{"as_of_time 2: the newest snapshot not later, then the pages not later", asOfTime(cover, minute(2)), "two", "[2]", 3},
		{"as_of_time 4: a snapshot whose created_at is not set is not taken", asOfTime(cover, minute(4)), "two", "[2 3 4]", 5},
		{"as_of_time 5: the newest snapshot with created_at at most that time", asOfTime(cover, minute(5)), "five", "[5]", 6},
	} {
		book := s.asked(c.query, c.want, c.next, c.name)
		tap.Is(string(book.GetSnapshot().GetState().GetValue()), c.snapshot, "its snapshot: "+c.name)
	}
	id := engine.NewRoot()
	s.must(`SELECT angzarr.append('q1', '%s', 0, ARRAY[angzarr.new_event('/q.Added', 'a', '2026-01-01 00:00Z'),
		angzarr.new_event('/q.Added', 'b', '2026-01-01 00:09Z'), angzarr.new_event('/q.Added', 'c', '2026-01-01 00:01Z')])`, uuidText(id))
	s.asked(asOfTime(engine.Cover("q1", id), minute(5)), "[0]", 1, "as_of_time gives the longest run of pages not later: no page behind a later one")
	s.asked(asOfTime(engine.Cover("q1", id), minute(9)), "[0 1 2]", 3, "as_of_time at a page's own microsecond includes it")
	s.asked(asOfTime(on(engine.Cover("q1", w.a), "what-if"), minute(5)), "[0 1 2 3 4 5]", 6, "an edition has its own snapshots, not main's")
}

func (s *suite) checkRefusedQueries(w *store) {
	for _, c := range []struct {
		name  string
		query *angzarrv1.Query
		word  string
	}{
		{"without a cover", &angzarrv1.Query{}, "query.cover is missing"},
		{"with neither root nor correlation id", &angzarrv1.Query{Cover: &angzarrv1.Cover{Domain: "obey"}}, "neither root nor correlation_id"},
		{"with a root but no domain", &angzarrv1.Query{Cover: engine.Cover("", w.a)}, "domain is empty"},
		{"with a root, a correlation id but no domain", &angzarrv1.Query{Cover: correlated("", w.a, "x")}, "domain is empty"},
		{"with a root of 5 bytes", &angzarrv1.Query{Cover: engine.Cover("obey", make([]byte, 5))}, "5 bytes"},
		{"with a bad domain", &angzarrv1.Query{Cover: engine.Cover("Bad", w.a)}, "domain"},
		{"with a bad edition", &angzarrv1.Query{Cover: on(engine.Cover("q1", w.a), "What if")}, "edition.name"},
		{"with a bad correlation id", &angzarrv1.Query{Cover: correlated("q1", w.a, "no spaces")}, "correlation_id"},
		{"with a correlation id of 129 characters", &angzarrv1.Query{Cover: correlated("q1", nil, strings.Repeat("c", 129))}, "129"},
		{"with a TemporalQuery without a point", &angzarrv1.Query{Cover: engine.Cover("q1", w.a),
			Selection: &angzarrv1.Query_Temporal{Temporal: &angzarrv1.TemporalQuery{}}}, "no point in time"},
		{"with a time that is none", &angzarrv1.Query{Cover: engine.Cover("q1", w.a),
			Selection: &angzarrv1.Query_Temporal{Temporal: &angzarrv1.TemporalQuery{PointInTime: &angzarrv1.TemporalQuery_AsOfTime{
				AsOfTime: &timestamppb.Timestamp{Seconds: 1 << 60}}}}}, "as_of_time"},
	} {
		s.refused(c.query, codes.InvalidArgument, "a query "+c.name+" is INVALID_ARGUMENT and says so", c.word)
	}
}

func (s *suite) checkIsolatedQuery(w *store) {
	request := engine.Request("obey-three", w.c, page(0))
	request.SyncMode = angzarrv1.SyncMode_SYNC_MODE_ISOLATED
	s.mustSend(request)
	s.asked(&angzarrv1.Query{Cover: engine.Cover("obey-three", w.c)}, "[0 1 2]", 3, "queries show ISOLATED events too")
}

// checkStreams reads a book of about 3 MB.
func (s *suite) checkStreams(w *store) {
	id := engine.NewRoot()
	s.must(`SELECT angzarr.append('q1', '%s', i * 1000, (SELECT array_agg(angzarr.new_event('/q.Added', convert_to(repeat('x', 1000), 'UTF8')))
		FROM generate_series(1, 1000))) FROM generate_series(0, 5) AS i`, uuidText(id))
	s.must(`INSERT INTO angzarr.snapshots (root, domain, sequence, created_at, type_url, state)
		VALUES ('%s', 'q1', 2999, now(), '/q.State', 'state')`, uuidText(id))
	books, err := s.stream(&angzarrv1.Query{Cover: engine.Cover("q1", id)})
	next, sizes, covers := uint32(3000), true, true
	for i, book := range books {
		for _, p := range book.Pages {
			if p.GetHeader().GetSequence() != next {
				tap.Bail("page %d where %d should be", p.GetHeader().GetSequence(), next)
			}
			next++
		}
		size := proto.Size(book)
		sizes = sizes && size <= 1<<20 && (i == len(books)-1 || size > 1<<20-2000)
		covers = covers && proto.Equal(book.Cover, books[0].Cover) && book.NextSequence == next
	}
	tap.OK(err == nil && next == 6000, "a streamed book has all its pages, consecutive and each once", err, next)
	tap.OK(len(books) == 3 && sizes, "a streamed book larger than angzarr.stream_chunk is sent as several of about that size", len(books))
	tap.OK(covers, "they have the same cover, and next_sequence follows from each")
	tap.OK(len(books) == 3 && books[0].GetSnapshot().GetSequence() == 2999 && books[1].Snapshot == nil && books[2].Snapshot == nil,
		"the snapshot is in the first")

	all := ranged(engine.Cover("q1", id), 0, nil)
	_, err = s.query(all)
	tap.OK(status.Code(err) == codes.ResourceExhausted && missingWords(status.Convert(err).Message(),
		[]string{"angzarr.max_message_size", "GetEvents"}) == "",
		"a unary answer over angzarr.max_message_size is RESOURCE_EXHAUSTED and points to GetEvents", err)
	var every []uint32
	for i := uint32(0); i < 6000; i++ {
		every = append(every, i)
	}
	_, err = s.query(listed(engine.Cover("q1", id), every...))
	tap.OK(status.Code(err) == codes.ResourceExhausted && missingWords(status.Convert(err).Message(),
		[]string{"angzarr.max_message_size", "GetEvents"}) == "", "so is one of a set of sequences", err)
	books, err = s.stream(listed(engine.Cover("q1", id), every...))
	count := 0
	for _, book := range books {
		count += len(book.Pages)
	}
	tap.OK(err == nil && count == 6000 && len(books) > 5, "GetEvents gives it", err, count, len(books))
}

// synchronize sends queries at once and collects all answers.
func (s *suite) synchronize(queries ...*angzarrv1.Query) ([]*angzarrv1.EventBook, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	stream, err := s.Queries.Synchronize(ctx)
	if err != nil {
		return nil, err
	}
	go func() {
		for _, q := range queries {
			if stream.Send(q) != nil {
				return
			}
		}
		_ = stream.CloseSend()
	}()
	var books []*angzarrv1.EventBook
	for {
		book, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return books, nil
		}
		if err != nil {
			return books, err
		}
		books = append(books, book)
	}
}

func (s *suite) checkSynchronize(w *store) {
	a, b := &angzarrv1.Query{Cover: engine.Cover("q1", w.a)}, &angzarrv1.Query{Cover: engine.Cover("q1", w.b)}
	books, err := s.synchronize(ranged(a.Cover, 0, nil), b, &angzarrv1.Query{Cover: correlated("", nil, "two")}, ranged(a.Cover, 5, nil))
	tap.OK(err == nil && s.show(books) == "q1/a[0 1 2 3 4 5] q1/b[] q1/b[0 1] q1/a[3 4 5] q2/a[0] q1/a[5]",
		"Synchronize answers queries in order, each as GetEvents would", err, s.show(books))
	books, err = s.synchronize(b, a, &angzarrv1.Query{Cover: engine.Cover("Bad", w.a)}, b)
	tap.OK(status.Code(err) == codes.InvalidArgument && len(books) == 2,
		"a bad query ends Synchronize with INVALID_ARGUMENT, after the answers before it", err, len(books))
	books, err = s.synchronize()
	tap.OK(err == nil && len(books) == 0, "Synchronize without a query ends with OK when the client has no more", err)

	var many []*angzarrv1.Query
	for i := 0; i < 20000; i++ {
		many = append(many, ranged(a.Cover, uint32(i%6), proto.Uint32(uint32(i%6))))
	}
	books, err = s.synchronize(many...)
	good := err == nil && len(books) == len(many)
	for i := 0; good && i < len(books); i++ {
		good = numbers(books[i]) == fmt.Sprintf("[%d]", i%6)
	}
	tap.OK(good, "20,000 queries sent without waiting are all answered, in order", err, len(books))
}

func (s *suite) checkRoots(w *store) {
	only := engine.NewRoot()
	s.put("q1", only, 0, 1, "x", "only-edition")
	s.must(`INSERT INTO angzarr.events (root, domain, sequence, created_at, type_url, payload)
		SELECT md5(i::text)::uuid, 'many-roots', 0, now(), '/q.Added', '' FROM generate_series(1, 3500) AS i`)
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	stream, err := s.Queries.GetAggregateRoots(ctx, &emptypb.Empty{})
	if err != nil {
		tap.Bail("no roots: %v", err)
	}
	seen := map[string]int{}
	for {
		root, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			tap.OK(false, "GetAggregateRoots ends well", err)
			return
		}
		seen[root.GetDomain()+"/"+uuidText(root.GetRoot().GetValue())]++
	}
	missing, err := s.Count("SELECT count(*) FROM (SELECT DISTINCT root, domain FROM angzarr.events WHERE edition = '') AS r")
	twice := 0
	for _, n := range seen {
		if n > 1 {
			twice++
		}
	}
	tap.OK(err == nil && int64(len(seen)) == missing && twice == 0,
		"GetAggregateRoots gives each (domain, root) with events on main, once", len(seen), missing, twice, err)
	tap.OK(seen["q1/"+uuidText(w.a)] == 1 && seen["q2/"+uuidText(w.a)] == 1, "a root that two domains have is given for each")
	tap.OK(seen["q1/"+uuidText(only)] == 0, "what only an edition has is not given")
}

// big writes one aggregate whose stream is longer than what a client takes unasked.
func (s *suite) big(edition string) []byte {
	id := engine.NewRoot()
	s.must(`SELECT angzarr.append('q1', '%s', i * 100, (SELECT array_agg(angzarr.new_event('/q.Added', convert_to(repeat('y', 50000), 'UTF8')))
		FROM generate_series(1, 100)), edition => '%s') FROM generate_series(0, 3) AS i`, uuidText(id), edition)
	return id
}

// checkEndings reads the beginning of a big book, lets something happen, and reads the rest.
func (s *suite) checkEndings(w *store) {
	id := s.big("")
	count, err := s.readAround(engine.Cover("q1", id), func() { s.put("q1", id, 400, 5, "later", "") })
	tap.OK(err == nil && count == 400, "what is appended while a book is streamed is not in it", err, count)

	gone := s.big("to-be-deleted")
	count, err = s.readAround(on(engine.Cover("q1", gone), "to-be-deleted"), func() {
		s.must("SELECT angzarr.delete_edition('to-be-deleted', 'q1')")
	})
	tap.OK(status.Code(err) == codes.Aborted && count < 400 && strings.Contains(status.Convert(err).Message(), "deleted"),
		"an edition that is deleted while it is streamed ends the stream with ABORTED", err, count)

	gone = s.big("replaced")
	count, err = s.readAround(on(engine.Cover("q1", gone), "replaced"), func() {
		s.must("SELECT angzarr.delete_edition('replaced', 'q1')")
		s.must(`SELECT angzarr.append('q1', '%s', i * 100, (SELECT array_agg(angzarr.new_event('/q.Added', 'other'))
			FROM generate_series(1, 100)), edition => 'replaced') FROM generate_series(0, 3) AS i`, uuidText(gone))
	})
	tap.OK(status.Code(err) == codes.Aborted && count < 400,
		"also when it is written again: old and new pages are never mixed", err, count)
	s.checkLeaving(id)
}

// readAround takes one message, runs something, and takes the rest; the pages it got.
func (s *suite) readAround(cover *angzarrv1.Cover, between func()) (int, error) {
	connection, err := engine.Connect(s.Address)
	if err != nil {
		tap.Bail("%v", err)
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	stream, err := angzarrv1.NewEventQueryServiceClient(connection).GetEvents(ctx,
		&angzarrv1.Query{Cover: cover, Selection: &angzarrv1.Query_Range{Range: &angzarrv1.SequenceRange{}}})
	if err != nil {
		return 0, err
	}
	count := 0
	for {
		book, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return count, nil
		}
		if err != nil {
			return count, err
		}
		if count == 0 {
			between()
		}
		count += len(book.Pages)
	}
}

// checkLeaving gives streams up in the middle. With room for one job only it shows whether one is left.
func (s *suite) checkLeaving(id []byte) {
	s.must("ALTER SYSTEM SET angzarr.max_jobs = 1")
	s.must("SELECT pg_reload_conf()")
	query := ranged(engine.Cover("q1", id), 0, nil)
	ctx, cancel := context.WithCancel(context.Background())
	stream, err := s.Queries.GetEvents(ctx, query)
	if err == nil {
		_, err = stream.Recv()
	}
	tap.OK(err == nil && s.comesTo(codes.ResourceExhausted), "while a stream waits to be read its job is there", err)
	cancel()
	tap.OK(s.comesTo(codes.OK), "a client that goes away ends the stream: no job is left")

	ctx, cancel = context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	stream, err = s.Queries.GetEvents(ctx, query)
	if err != nil {
		tap.Bail("%v", err)
	}
	if _, err = stream.Recv(); err == nil {
		<-ctx.Done()
		for err == nil {
			_, err = stream.Recv()
		}
	}
	tap.Is(status.Code(err), codes.DeadlineExceeded, "a stream that is read too slowly ends at its deadline with DEADLINE_EXCEEDED")
	tap.OK(s.comesTo(codes.OK), "and leaves no job")
	s.must("ALTER SYSTEM RESET angzarr.max_jobs")
	s.must("SELECT pg_reload_conf()")
}

// comesTo waits until a plain query is answered with this code.
func (s *suite) comesTo(code codes.Code) bool {
	return engine.WaitFor(10*time.Second, func() bool {
		_, err := s.query(&angzarrv1.Query{Cover: engine.Cover("q1", engine.NewRoot())})
		return status.Code(err) == code
	})
}
