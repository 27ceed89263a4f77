// Rules of the contract that are easily half right: what holds on the far side
// of a boundary, and what holds for the second of two.

package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	angzarrv1 "angzarr.io/proto/angzarr/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"angzarr.io/e2e/internal/engine"
	"angzarr.io/e2e/internal/tap"
)

func (s *suite) checkEdges() {
	s.checkEdgesOfValidation()
	s.checkDeadlineOfRepeats()
	s.checkNextSequenceOfBooks()
	s.checkNothingInvented()
}

func (s *suite) checkEdgesOfValidation() {
	second := engine.Request("obey", engine.NewRoot(), page(0), page(0))
	second.Command.Pages[1].Payload = &angzarrv1.CommandPage_Command{
		Command: &anypb.Any{TypeUrl: "/test.Big", Value: make([]byte, 256<<10+1)}}
	_, err := s.send(second)
	missing := missingWords(status.Convert(err).Message(), []string{"pages[1]", "262145", "262144"})
	tap.OK(status.Code(err) == codes.InvalidArgument && missing == "",
		"a payload over 256 kB on a later page is INVALID_ARGUMENT, and the page is named", err, missing)

	// Whether the edition is served is another question.
	longest := engine.Request("obey", engine.NewRoot(), page(0))
	edition(strings.Repeat("e", 64))(longest)
	_, err = s.send(longest)
	tap.OK(status.Code(err) != codes.InvalidArgument, "an edition name of 64 characters is valid", err)

	_, err = s.send(engine.Request("obey", engine.NewRoot(), engine.Page(strict, 0, &anypb.Any{TypeUrl: "/test.Empty"})))
	tap.OK(err == nil, "a command whose payload has no bytes is accepted", err)
}

// checkDeadlineOfRepeats overtakes a command each time it is about to append:
// it is run again, but not beyond its deadline.
func (s *suite) checkDeadlineOfRepeats() {
	const domain = "unhurried" // takes a second
	id := engine.NewRoot()
	before := len(s.peer.Calls(domain))
	ctx, cancel := context.WithTimeout(context.Background(), 1700*time.Millisecond)
	defer cancel()
	answered := make(chan error, 1)
	go func() {
		_, err := s.Commands.HandleCommand(ctx, engine.Request(domain, id,
			engine.Page(aggregateHandles, 0, someCommand())))
		answered <- err
	}()
	written := int64(0)
	for call := 1; call <= 2; call++ {
		if !engine.WaitFor(5*time.Second, func() bool { return len(s.peer.Calls(domain)) >= before+call }) {
			break
		}
		if _, err := s.SQL("SELECT angzarr.append('%s', '%x', %d, ARRAY[angzarr.new_event('test.Other', 'x')])",
			domain, id, written); err != nil {
			tap.Bail("could not append: %v", err)
		}
		written++
	}
	err := <-answered
	tap.OK(status.Code(err) == codes.DeadlineExceeded && len(s.peer.Calls(domain))-before == 2,
		"a command that is overtaken is run again, and no longer than its deadline", err, len(s.peer.Calls(domain))-before)
	tap.Is(s.events(id), written, "a command that was overtaken until its deadline writes nothing")
}

func (s *suite) checkNextSequenceOfBooks() {
	id := engine.NewRoot()
	s.mustSend(engine.Request("obey-three", id, page(0)))
	for _, c := range []struct {
		lower, upper, want uint32
	}{{0, 0, 1}, {0, 1, 2}, {1, 2, 3}, {2, 9, 3}, {3, 9, 0}} {
		book, err := s.query(&angzarrv1.Query{
			Cover: engine.Cover("obey-three", id),
			Selection: &angzarrv1.Query_Range{
				Range: &angzarrv1.SequenceRange{Lower: c.lower, Upper: proto.Uint32(c.upper)}},
		})
		tap.OK(err == nil && book.GetNextSequence() == c.want,
			fmt.Sprintf("the next sequence of a book of %d to %d follows from that book", c.lower, c.upper),
			err, book.GetNextSequence(), c.want)
	}
}

func (s *suite) checkNothingInvented() {
	id := engine.NewRoot()
	response := s.mustSend(engine.Request("obey", id, page(0)))
	stored, err := s.SQL("SELECT coalesce(correlation_id, '') FROM angzarr.events WHERE root = '%x'", id)
	tap.OK(err == nil && stored == "" && response.Events.GetCover().GetCorrelationId() == "",
		"a correlation id is never invented", stored, err)
}
