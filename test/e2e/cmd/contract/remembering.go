// Aggregates that get many commands are remembered, and nobody may notice.

package main

import (
	"fmt"

	angzarrv1 "angzarr.io/proto/angzarr/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"angzarr.io/e2e/internal/engine"
	"angzarr.io/e2e/internal/tap"
)

func (s *suite) checkRemembering() {
	s.checkAppendedBySQL()
	s.checkRejectionThatIsBehind()
	s.checkSnapshotThatIsGone()
}

// appendSQL appends one event in another session.
func (s *suite) appendSQL(domain string, id []byte, expected int) {
	if _, err := s.SQL("SELECT angzarr.append('%s', '%s', %d, ARRAY[angzarr.new_event('/test.BySQL', '')])",
		domain, uuidText(id), expected); err != nil {
		tap.Bail("could not append: %v", err)
	}
}

// given returns the books that business logic was given since call "from".
func (s *suite) given(domain string, from int) []*angzarrv1.EventBook {
	var books []*angzarrv1.EventBook
	for _, call := range s.peer.Calls(domain)[from:] {
		books = append(books, call.Request.GetEvents())
	}
	return books
}

func (s *suite) checkAppendedBySQL() {
	id := engine.NewRoot()
	for i := uint32(0); i < 3; i++ {
		s.mustSend(engine.Request("obey", id, page(i)))
	}
	s.appendSQL("obey", id, 3)
	from := len(s.peer.Calls("obey"))
	response, err := s.send(engine.Request("obey", id, engine.Page(aggregateHandles, 0, someCommand())))
	tap.OK(err == nil && numbers(response.GetEvents()) == "[4]",
		"a command after an append by SQL is appended behind it", err, response)
	books := s.given("obey", from)
	last := books[len(books)-1]
	tap.OK(numbers(last) == "[0 1 2 3]" && last.GetPages()[3].GetEvent().GetTypeUrl() == "/test.BySQL",
		"it was decided on what SQL appended", last)
	tap.OK(len(books) <= 2, "business logic is asked at most once more because the book was behind", len(books))

	s.appendSQL("obey", id, 5)
	from = len(s.peer.Calls("obey"))
	response, err = s.send(engine.Request("obey", id, page(6)))
	tap.OK(err == nil && numbers(response.GetEvents()) == "[6]",
		"STRICT with the store's number is not refused because what is remembered is behind", err)
	tap.Is(len(s.given("obey", from)), 1, "nor is business logic asked about what is behind")

	s.appendSQL("obey", id, 7)
	_, err = s.send(engine.Request("obey", id, page(7)))
	tap.Is(status.Convert(err).Message(), "Sequence mismatch: command expects 7, aggregate is at 8",
		"STRICT with the number of what is remembered is refused with the store's number")
}

func (s *suite) checkRejectionThatIsBehind() {
	const domain = "reject-below-four"
	id := engine.NewRoot()
	for i := 0; i < 3; i++ {
		s.appendSQL(domain, id, i)
	}
	request := engine.Request(domain, id, engine.Page(aggregateHandles, 0, someCommand()))
	for i := 0; i < 2; i++ {
		from := len(s.peer.Calls(domain))
		_, err := s.send(request)
		tap.OK(status.Code(err) == codes.FailedPrecondition && status.Convert(err).Message() == "only 3" &&
			len(s.given(domain, from)) == 1,
			fmt.Sprintf("a rejection on a book that holds is given, business logic is asked once (%d)", i+1), err)
	}
	s.appendSQL(domain, id, 3)
	from := len(s.peer.Calls(domain))
	response, err := s.send(request)
	saw := []int{}
	for _, book := range s.given(domain, from) {
		saw = append(saw, len(book.GetPages()))
	}
	tap.OK(err == nil && numbers(response.GetEvents()) == "[4]",
		"a rejection on a book that is behind is not given", err, saw)
	tap.OK(fmt.Sprint(saw) == "[3 4]" || fmt.Sprint(saw) == "[4]",
		"the command is decided again on what the store has", saw)
	tap.Is(fmt.Sprint(saw), "[3 4]", "business logic was asked on what was remembered first: memory is in use")
}

// checkSnapshotThatIsGone takes a snapshot away under a book that began there.
func (s *suite) checkSnapshotThatIsGone() {
	id := engine.NewRoot()
	for i := 0; i < 3; i++ {
		s.appendSQL("obey", id, i)
	}
	if _, err := s.SQL("SELECT angzarr.save_snapshot('obey', '%s', 2, '/test.State', 'wrong')", uuidText(id)); err != nil {
		tap.Bail("could not save a snapshot: %v", err)
	}
	s.mustSend(engine.Request("obey", id, page(3)))
	s.mustSend(engine.Request("obey", id, page(4)))
	calls := s.peer.Calls("obey")
	book := calls[len(calls)-1].Request.GetEvents()
	tap.OK(numbers(book) == "[3]" && string(book.GetSnapshot().GetState().GetValue()) == "wrong",
		"a remembered book begins with its snapshot", book)
	if _, err := s.SQL("DELETE FROM angzarr.snapshots WHERE root = '%s'", uuidText(id)); err != nil {
		tap.Bail("could not delete a snapshot: %v", err)
	}
	response, err := s.send(engine.Request("obey", id, page(5)))
	calls = s.peer.Calls("obey")
	book = calls[len(calls)-1].Request.GetEvents()
	tap.OK(err == nil && numbers(response.GetEvents()) == "[5]" && book.GetSnapshot() == nil && numbers(book) == "[0 1 2 3 4]",
		"nothing is decided on a snapshot that was deleted", err, book)
}
