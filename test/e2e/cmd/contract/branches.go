// Commands and facts on editions: what they read, and where they write.

package main

import (
	"fmt"
	"sync"
	"time"

	angzarrv1 "angzarr.io/proto/angzarr/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"angzarr.io/e2e/internal/engine"
	"angzarr.io/e2e/internal/tap"
)

// onEdition puts a command on an edition; with a divergence where one is given.
func onEdition(name string, request *angzarrv1.CommandRequest, divergence ...uint32) *angzarrv1.CommandRequest {
	request.Command.Cover.Edition = editionOf(name, request.Command.Cover.Domain, divergence...)
	return request
}

// factOnEdition does the same with a fact.
func factOnEdition(name string, request *angzarrv1.EventRequest, divergence ...uint32) *angzarrv1.EventRequest {
	request.Events.Cover.Edition = editionOf(name, request.Events.Cover.Domain, divergence...)
	return request
}

func editionOf(name, domain string, divergence ...uint32) *angzarrv1.Edition {
	edition := &angzarrv1.Edition{Name: name}
	for _, sequence := range divergence {
		edition.Divergences = append(edition.Divergences, &angzarrv1.DomainDivergence{Domain: domain, Sequence: sequence})
	}
	return edition
}

// mismatch tells whether a command was refused with both numbers.
func mismatch(err error, expected, actual int) bool {
	return status.Code(err) == codes.FailedPrecondition &&
		status.Convert(err).Message() == fmt.Sprintf("Sequence mismatch: command expects %d, aggregate is at %d", expected, actual)
}

func (s *suite) checkBranches() {
	s.checkFirstWrite()
	s.checkSaidDivergence()
	s.checkFixedDivergence()
	s.checkDeferredOnBranch()
	s.checkFactsOnBranch()
	s.checkConcurrentFirstWrites()
	s.checkOvertakenFirstWrite()
	s.checkSnapshotsOfBranch()
}

func (s *suite) checkFirstWrite() {
	id := engine.NewRoot()
	s.mustSend(engine.Request("obey-three", id, page(0)))
	_, err := s.send(onEdition("what-if", engine.Request("obey-three", id, page(4))))
	tap.OK(mismatch(err, 4, 3), "a first write on an edition beyond main's next is a mismatch with both numbers", err)
	response, err := s.send(onEdition("what-if", engine.Request("obey-three", id, page(1))))
	tap.OK(err == nil && numbers(response.GetEvents()) == "[1 2 3]",
		"a first write's explicit sequence up to main's next is the divergence, and fits", err, response)
	book := s.lastBook("obey-three")
	tap.OK(numbers(book) == "[0]" && book.GetNextSequence() == 1,
		"business logic is given main's events below the divergence", book)
	tap.OK(book.GetCover().GetEdition().GetName() == "what-if" && response.GetEvents().GetCover().GetEdition().GetName() == "what-if",
		"business logic's cover and the answer's name the edition", book.GetCover(), response)

	response, err = s.send(onEdition("what-if", engine.Request("obey-three", id, page(4))))
	book = s.lastBook("obey-three")
	tap.OK(err == nil && numbers(book) == "[0 1 2 3]" && numbers(response.GetEvents()) == "[4 5 6]",
		"afterwards the edition is main below the divergence and its own events", err, book)
	_, err = s.send(onEdition("what-if", engine.Request("obey-three", id, page(1))))
	tap.OK(mismatch(err, 1, 7), "a later command on an edition is checked like any other", err)
	_, err = s.send(onEdition("what-if", engine.Request("obey-three", id, page(7)), 2))
	tap.OK(status.Code(err) == codes.FailedPrecondition && missingWords(err.Error(), []string{"what-if", "1", "2"}) == "",
		"a cover that disagrees with the edition's own events is FAILED_PRECONDITION naming both", err)
	tap.Is(s.editionsOf(id), "obey-three 3, what-if obey-three 6", "main keeps what it has")
	response, err = s.send(engine.Request("obey-three", id, page(3)))
	tap.OK(err == nil && numbers(response.GetEvents()) == "[3 4 5]", "and goes on by itself", err)
	response, err = s.speculate(onEdition("what-if", engine.Request("obey-three", id, page(0))), asOf(2))
	tap.OK(err == nil && numbers(s.lastBook("obey-three")) == "[0 1 2]" && numbers(response.GetEvents()) == "[3 4 5]",
		"a speculative command on an edition meets the edition", err, response)

	response, err = s.send(onEdition("from-scratch", engine.Request("obey-three", id, &angzarrv1.CommandPage{
		MergeStrategy: strict, Payload: &angzarrv1.CommandPage_Command{Command: someCommand()}})))
	tap.OK(err == nil && numbers(response.GetEvents()) == "[0 1 2]" && numbers(s.lastBook("obey-three")) == "[]",
		"a page without header expects sequence 0, and so begins an edition from scratch", err, response)
	response, err = s.send(onEdition("angzarr", engine.Request("obey-three", id, page(6))))
	tap.OK(err == nil && response.GetEvents().GetCover().Edition == nil, "edition angzarr is main, sent as an unset edition", err)
}

func (s *suite) checkSaidDivergence() {
	id := engine.NewRoot()
	s.mustSend(engine.Request("obey-three", id, page(0)))
	_, err := s.send(onEdition("said", engine.Request("obey-three", id, page(0)), 2))
	tap.OK(mismatch(err, 0, 2), "where the cover says the divergence a first write is checked against it", err)
	response, err := s.send(onEdition("said", engine.Request("obey-three", id, page(2)), 2))
	tap.OK(err == nil && numbers(response.GetEvents()) == "[2 3 4]" && numbers(s.lastBook("obey-three")) == "[0 1]",
		"a cover's divergence is where the edition leaves main", err, response)
}

func (s *suite) checkFixedDivergence() {
	id := engine.NewRoot()
	s.mustSend(engine.Request("numbered", id, page(0)))
	s.mustSend(engine.Request("numbered", id, page(2)))
	s.mustSQL("SELECT angzarr.create_edition('planned', 'numbered', 3)")
	_, err := s.send(onEdition("planned", engine.Request("numbered", id, page(1))))
	tap.OK(mismatch(err, 1, 3), "where create_edition says the divergence a first write is checked against it", err)
	_, err = s.send(onEdition("planned", engine.Request("numbered", id, page(1)), 1))
	tap.OK(status.Code(err) == codes.FailedPrecondition && missingWords(err.Error(), []string{"planned", "at sequence 3", "says 1"}) == "",
		"a cover that contradicts create_edition on a first write is FAILED_PRECONDITION naming both", err)
	response, err := s.send(onEdition("planned", engine.Request("numbered", id, page(3)), 3))
	tap.OK(err == nil && numbers(response.GetEvents()) == "[3 4]" && numbers(s.lastBook("numbered")) == "[0 1 2]",
		"a first write there fits", err, response)
}

func (s *suite) checkDeferredOnBranch() {
	id := engine.NewRoot()
	s.mustSend(engine.Request("obey-three", id, page(0)))
	deferred := func() *angzarrv1.CommandRequest {
		request := onEdition("deferred", engine.Request("obey-three", id, page(0)))
		request.Command.Pages[0].Header = &angzarrv1.PageHeader{SequenceType: &angzarrv1.PageHeader_AngzarrDeferred{
			AngzarrDeferred: &angzarrv1.AngzarrDeferredSequence{
				Source: engine.Cover("cart", id), SourceSeq: 1, SourceComponent: "checkout"}}}
		return request
	}
	first, err := s.send(deferred())
	tap.OK(err == nil && numbers(first.GetEvents()) == "[3 4 5]", "a deferred command's first write on an edition is at main's next", err, first)
	again, err := s.send(deferred())
	tap.OK(err == nil && numbers(again.GetEvents()) == "[3 4 5]" && s.events(id) == 6, "and a repeat there gets the first events", err, again)
}

func (s *suite) checkFactsOnBranch() {
	id := engine.NewRoot()
	s.mustSend(engine.Request("obey-three", id, page(0)))
	response, err := s.record(factOnEdition("facts", fact("obey-three", id, "payment-1")))
	tap.OK(err == nil && numbers(response.GetEvents()) == "[3]" && response.Events.Cover.GetEdition().GetName() == "facts",
		"a fact's first write on an edition is at main's next", err, response)
	again, err := s.record(factOnEdition("facts", fact("obey-three", id, "payment-1")))
	tap.OK(err == nil && again.GetAlreadyProcessed() && numbers(again.GetEvents()) == "[3]", "a fact is recorded once on an edition", err, again)
	main, err := s.record(fact("obey-three", id, "payment-1"))
	tap.OK(err == nil && !main.GetAlreadyProcessed() && numbers(main.GetEvents()) == "[3]",
		"the key is of one edition: on main the fact is new", err, main)
	_, err = s.record(factOnEdition("facts", fact("obey-three", id, "payment-2"), 1))
	tap.OK(status.Code(err) == codes.FailedPrecondition && missingWords(err.Error(), []string{"3", "1"}) == "",
		"a fact whose cover disagrees with the edition is FAILED_PRECONDITION naming both", err)
}

// checkConcurrentFirstWrites begins one edition at two places at a time.
func (s *suite) checkConcurrentFirstWrites() {
	id := engine.NewRoot()
	s.mustSend(engine.Request("obey-three", id, page(0)))
	errs := make([]error, 3)
	var all sync.WaitGroup
	for i := range errs {
		connection, err := engine.Connect(s.Address)
		if err != nil {
			tap.Bail("no further connection: %v", err)
		}
		defer connection.Close()
		other := &suite{Engine: &engine.Engine{Commands: angzarrv1.NewCommandHandlerCoordinatorServiceClient(connection)}}
		all.Add(1)
		go func(i int) {
			defer all.Done()
			_, errs[i] = other.send(onEdition("raced", engine.Request("obey-three", id, page(uint32(i)))))
		}(i)
	}
	all.Wait()
	won, lost := 0, 0
	for i, err := range errs {
		if err == nil {
			won++
		} else if missingWords(err.Error(), []string{fmt.Sprintf("command expects %d", i)}) == "" {
			lost++
		}
	}
	tap.OK(won == 1 && lost == 2 && s.events(id) == 6, "of concurrent first writes on an edition one wins, and the others are mismatches", errs)
}

// checkOvertakenFirstWrite lets somebody begin the edition while business
// logic decides about its first write.
func (s *suite) checkOvertakenFirstWrite() {
	for _, c := range []struct {
		merge angzarrv1.MergeStrategy
		name  string
	}{{strict, "strict"}, {aggregateHandles, "handled"}} {
		id := engine.NewRoot()
		s.mustSend(engine.Request("unhurried", id, page(0)))
		s.mustSend(engine.Request("unhurried", id, page(1)))
		called := len(s.peer.Calls("unhurried"))
		finished := make(chan error, 1)
		var response *angzarrv1.CommandResponse
		go func() {
			var err error
			response, err = s.send(onEdition(c.name, engine.Request("unhurried", id, engine.Page(c.merge, 2, someCommand()))))
			finished <- err
		}()
		asked := engine.WaitFor(10*time.Second, func() bool { return len(s.peer.Calls("unhurried")) > called })
		s.mustSQL("SELECT angzarr.append('unhurried', '%s', 1, ARRAY[angzarr.new_event('test.First', 'x')], '%s')", uuidText(id), c.name)
		err := <-finished
		if c.merge == strict {
			// The sequence that it expects is free, but not after what it was decided on.
			tap.OK(asked && status.Code(err) == codes.FailedPrecondition && s.events(id) == 3,
				"a STRICT first write that somebody else overtakes is a mismatch, also when its sequence is free", err)
			continue
		}
		tap.OK(asked && err == nil && numbers(response.GetEvents()) == "[2]" && numbers(s.lastBook("unhurried")) == "[0 1]",
			"an AGGREGATE_HANDLES first write that somebody else overtakes runs again on what that one wrote", err, s.lastBook("unhurried"))
	}
}

func (s *suite) checkSnapshotsOfBranch() {
	id := engine.NewRoot()
	s.mustSend(engine.Request("snapshot", id, page(0)))
	s.mustSend(onEdition("own", engine.Request("snapshot", id, page(1))))
	tap.Is(s.mustSQL("SELECT string_agg(edition || ' ' || sequence || ' ' || convert_from(state, 'UTF8'), ', ' ORDER BY edition)"+
		" FROM angzarr.snapshots WHERE root = '%s'", uuidText(id)), "1 after 2, own 2 after 3",
		"an edition has snapshots of its own")
	s.mustSend(onEdition("own", engine.Request("snapshot", id, page(3))))
	book := s.lastBook("snapshot")
	tap.OK(book.GetSnapshot().GetSequence() == 2 && string(book.GetSnapshot().GetState().GetValue()) == "after 3" && len(book.Pages) == 0,
		"and a command on it is given the newest of them", book)
}
