// Speculative commands: what would happen, and that it does not.

package main

import (
	"context"
	"time"

	angzarrv1 "angzarr.io/proto/angzarr/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"angzarr.io/e2e/internal/engine"
	"angzarr.io/e2e/internal/tap"
)

// speculate asks what a command would do, as any client does.
func (s *suite) speculate(command *angzarrv1.CommandRequest, point *angzarrv1.TemporalQuery) (*angzarrv1.CommandResponse, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return s.Commands.HandleSyncSpeculative(ctx, &angzarrv1.SpeculateCommandHandlerRequest{
		Command: command.Command, PointInTime: point,
	})
}

func asOf(sequence uint32) *angzarrv1.TemporalQuery {
	return &angzarrv1.TemporalQuery{PointInTime: &angzarrv1.TemporalQuery_AsOfSequence{AsOfSequence: sequence}}
}

func asOfMoment(at *timestamppb.Timestamp) *angzarrv1.TemporalQuery {
	return &angzarrv1.TemporalQuery{PointInTime: &angzarrv1.TemporalQuery_AsOfTime{AsOfTime: at}}
}

// everything tells how many rows every table has and where every sequence is.
func (s *suite) everything() string {
	rows, err := s.SQL(`SELECT string_agg(relname || ' ' ||
		(xpath('/row/c/text()', query_to_xml(format('SELECT count(*) AS c FROM angzarr.%%I', relname),
			false, true, '')))[1]::text, ', ' ORDER BY relname)
		FROM pg_class WHERE relnamespace = 'angzarr'::regnamespace AND relkind = 'r'`)
	if err != nil {
		tap.Bail("could not count: %v", err)
	}
	places, err := s.SQL("SELECT string_agg(sequencename || ' ' || coalesce(last_value, 0), ', ' ORDER BY sequencename)" +
		" FROM pg_sequences WHERE schemaname = 'angzarr'")
	if err != nil {
		tap.Bail("could not read the sequences: %v", err)
	}
	return rows + "; " + places
}

func (s *suite) checkSpeculative() {
	id := engine.NewRoot()
	first := s.mustSend(engine.Request("obey-three", id, page(0)))
	second := s.mustSend(engine.Request("obey-three", id, page(3)))
	stated := engine.NewRoot()
	s.mustSend(engine.Request("snapshot", stated, page(0)))
	s.mustSend(engine.Request("snapshot", stated, page(2)))
	before := s.everything()

	response, err := s.speculate(engine.Request("obey-three", id, page(6)), nil)
	tap.OK(err == nil && numbers(response.GetEvents()) == "[6 7 8]" && response.Events.NextSequence == 9,
		"without a point a speculative command meets the current state", err, response)
	response, err = s.speculate(engine.Request("obey-three", id, page(6)), &angzarrv1.TemporalQuery{})
	tap.OK(err == nil && numbers(response.GetEvents()) == "[6 7 8]", "and so with a point that says none", err, response)
	response, err = s.speculate(engine.Request("obey-three", id, page(0)), asOf(1))
	book := s.lastBook("obey-three")
	tap.OK(err == nil && numbers(response.GetEvents()) == "[2 3 4]" && response.Events.NextSequence == 5,
		"the would-be events are numbered from the point's next sequence", err, response)
	tap.OK(numbers(book) == "[0 1]" && book.GetNextSequence() == 2,
		"as of a sequence business logic is given what there was then", book)
	response, err = s.speculate(engine.Request("obey-three", id, page(0)), asOfMoment(first.Events.Pages[2].CreatedAt))
	book = s.lastBook("obey-three")
	later := second.Events.Pages[0].CreatedAt.AsTime().After(first.Events.Pages[2].CreatedAt.AsTime())
	tap.OK(err == nil && later && numbers(book) == "[0 1 2]" && numbers(response.GetEvents()) == "[3 4 5]",
		"as of a time business logic is given what there was then", err, book)

	for _, merge := range []angzarrv1.MergeStrategy{strict, commutative, angzarrv1.MergeStrategy_MERGE_MANUAL} {
		response, err = s.speculate(engine.Request("obey-three", id, engine.Page(merge, 77, someCommand())), nil)
		tap.OK(err == nil && numbers(response.GetEvents()) == "[6 7 8]",
			"expected sequence and merge strategy "+merge.String()+" are not looked at", err)
	}
	deferred := engine.Request("obey-three", id, page(0))
	deferred.Command.Pages[0].Header = &angzarrv1.PageHeader{SequenceType: &angzarrv1.PageHeader_AngzarrDeferred{
		AngzarrDeferred: &angzarrv1.AngzarrDeferredSequence{
			Source: engine.Cover("cart", id), SourceSeq: 1, SourceComponent: "checkout"}}}
	called := len(s.peer.Calls("obey-three"))
	for i := 0; i < 2; i++ {
		response, err = s.speculate(deferred, nil)
	}
	tap.OK(err == nil && numbers(response.GetEvents()) == "[6 7 8]" && len(s.peer.Calls("obey-three")) == called+2,
		"a deferred command is asked each time: nothing is remembered of it", err)

	_, err = s.speculate(engine.Request("snapshot", stated, page(0)), asOf(3))
	book = s.lastBook("snapshot")
	tap.OK(err == nil && book.GetSnapshot().GetSequence() == 3 && len(book.Pages) == 0 && book.NextSequence == 4,
		"the newest snapshot up to the point is used, and no page when it is the point", err, book)
	response, err = s.speculate(engine.Request("snapshot", stated, page(0)), asOf(2))
	book = s.lastBook("snapshot")
	tap.OK(err == nil && book.Snapshot == nil && numbers(book) == "[0 1 2]" && response.Events.Snapshot == nil,
		"a snapshot after the point is not used: every page from 0 instead", err, book)

	_, err = s.speculate(engine.Request("reject", engine.NewRoot(), page(0)), nil)
	tap.Is(status.Code(err), codes.Aborted, "a speculative command can be rejected")
	_, err = s.speculate(engine.Request("Obey", id, page(0)), nil)
	tap.OK(status.Code(err) == codes.InvalidArgument && missingWords(err.Error(), []string{"command.cover.domain"}) == "",
		"a speculative command is validated like any other", err)
	_, err = s.speculate(engine.Request("obey", id, page(0)), asOfMoment(&timestamppb.Timestamp{Seconds: 1 << 50}))
	tap.OK(status.Code(err) == codes.InvalidArgument && missingWords(err.Error(), []string{"as_of_time"}) == "",
		"a time that there cannot be is INVALID_ARGUMENT", err)

	tap.Is(s.everything(), before, "a speculative command changes no row count of any table, and no position is drawn")
}

// lastBook is the history that business logic was given last.
func (s *suite) lastBook(domain string) *angzarrv1.EventBook {
	calls := s.peer.Calls(domain)
	if len(calls) == 0 {
		return nil
	}
	return calls[len(calls)-1].Request.GetEvents()
}
