// Editions: branches of the timeline, and how they are deleted.

package main

import (
	"fmt"
	"os/exec"
	"time"

	angzarrv1 "angzarr.io/proto/angzarr/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"angzarr.io/e2e/internal/engine"
	"angzarr.io/e2e/internal/tap"
)

func (s *suite) checkDeletions() {
	s.checkDeletion()
	s.checkRefusedDeletions()
	s.checkLargeDeletion()
	s.checkDeletionBesideWriter()
}

// deletion is the command that deletes an edition.
func deletion(edition, domain string) *angzarrv1.CommandRequest {
	command, err := anypb.New(&angzarrv1.DeleteEditionEvents{Edition: edition, Domain: domain})
	if err != nil {
		panic(err)
	}
	return meta(command)
}

func meta(commands ...*anypb.Any) *angzarrv1.CommandRequest {
	var pages []*angzarrv1.CommandPage
	for _, command := range commands {
		pages = append(pages, engine.Page(strict, 0, command))
	}
	return engine.Request("_angzarr", engine.NewRoot(), pages...)
}

// mustSQL runs a statement that has to succeed for what follows.
func (s *suite) mustSQL(format string, args ...any) string {
	text, err := s.SQL(format, args...)
	if err != nil {
		tap.Bail("a statement failed: %v", err)
	}
	return text
}

// branch appends so many events to an edition of an aggregate, in SQL.
func (s *suite) branch(edition, domain string, id []byte, events int) {
	s.mustSQL("SELECT angzarr.append('%s', '%s', -1, array_fill(angzarr.new_event('test.Happened', 'x'), ARRAY[%d]), '%s')",
		domain, uuidText(id), events, edition)
}

// editionsOf tells how many rows each edition of an aggregate has.
func (s *suite) editionsOf(id []byte) string {
	return s.mustSQL("SELECT coalesce(string_agg(format('%%s %%s %%s', edition, domain, n), ', ' ORDER BY edition, domain), 'none') FROM"+
		" (SELECT edition, domain, count(*) AS n FROM angzarr.events WHERE root = '%s' GROUP BY 1, 2) AS e", uuidText(id))
}

func (s *suite) checkDeletion() {
	id := engine.NewRoot()
	s.mustSend(engine.Request("obey-three", id, page(0)))
	for _, edition := range []string{"doomed", "other"} {
		s.branch(edition, "obey-three", id, 2)
	}
	s.branch("doomed", "obey", id, 1)
	s.mustSQL("SELECT angzarr.append_once('key', 'obey-three', '%s', -1, ARRAY[angzarr.new_event('test.Happened', 'x')], 'doomed')", uuidText(id))
	s.mustSQL("SELECT angzarr.save_snapshot('obey-three', '%s', NULL, 'test.State', 'x', 'doomed')", uuidText(id))
	s.mustSQL("SELECT angzarr.create_edition('doomed', 'obey-three')")

	request := deletion("doomed", "obey-three")
	response, err := s.send(request)
	tap.OK(err == nil && len(response.GetEvents().GetPages()) == 0 && response.Events.NextSequence == 0 &&
		proto.Equal(response.Events.Cover, request.Command.Cover),
		"DeleteEditionEvents is answered with an empty book", err, response)
	tap.Is(s.editionsOf(id), "obey-three 3, doomed obey 1, other obey-three 2",
		"it removes the events of that edition and domain, and no others")
	rest := s.mustSQL("SELECT (SELECT count(*) FROM angzarr.processed WHERE root = '%[1]s'), (SELECT count(*) FROM angzarr.snapshots"+
		" WHERE root = '%[1]s'), (SELECT count(*) FROM angzarr.editions WHERE name = 'doomed' AND domain = 'obey-three')", uuidText(id))
	tap.Is(rest, "0|0|0", "its keys, its snapshots and its row of editions go with it")
	_, err = s.send(deletion("doomed", "obey-three"))
	tap.OK(err == nil, "deleting an edition that nobody knows is OK", err)
	tap.Is(len(s.peer.Calls("_angzarr")), 0, "no business logic is asked about it")
}

func (s *suite) checkRefusedDeletions() {
	before := s.events()
	for _, name := range []string{"", "angzarr"} {
		_, err := s.send(deletion(name, "obey-three"))
		var info *errdetails.ErrorInfo
		for _, detail := range status.Convert(err).Details() {
			if d, ok := detail.(*errdetails.ErrorInfo); ok {
				info = d
			}
		}
		tap.OK(status.Code(err) == codes.FailedPrecondition && info.GetReason() == "PROTECTED_TIMELINE",
			fmt.Sprintf("deleting the main timeline, as %q, is FAILED_PRECONDITION with PROTECTED_TIMELINE", name), err, info)
	}
	for _, c := range []struct {
		name, word string
		code       codes.Code
		request    *angzarrv1.CommandRequest
	}{
		{"an empty domain", "domain is empty", codes.InvalidArgument, deletion("x", "")},
		{"a domain with a capital", "Obey", codes.InvalidArgument, deletion("x", "Obey")},
		{"an edition with a blank", "x y", codes.InvalidArgument, deletion("x y", "obey")},
		{"what does not decode", "DeleteEditionEvents", codes.InvalidArgument,
			meta(&anypb.Any{TypeUrl: "/io.angzarr.v1.DeleteEditionEvents", Value: []byte{0x0a, 0x7f}})},
		{"another command to _angzarr", "_angzarr", codes.Unimplemented, meta(someCommand())},
		{"a type of another package", "_angzarr", codes.Unimplemented,
			meta(&anypb.Any{TypeUrl: "/angzarr.DeleteEditionEvents"})},
		{"two commands to _angzarr", "_angzarr", codes.Unimplemented, meta(
			deletion("x", "obey").Command.Pages[0].GetCommand(), deletion("y", "obey").Command.Pages[0].GetCommand())},
	} {
		_, err := s.send(c.request)
		tap.OK(status.Code(err) == c.code && missingWords(err.Error(), []string{c.word}) == "",
			fmt.Sprintf("%s is %v, and says so", c.name, c.code), err)
	}
	_, err := s.record(fact("_angzarr", engine.NewRoot(), "x"))
	tap.Is(status.Code(err), codes.Unimplemented, "a fact to _angzarr is UNIMPLEMENTED")
	tap.Is(s.events(), before, "a deletion that is refused deletes nothing")
}

// checkLargeDeletion sends commands while an edition of many parts goes.
func (s *suite) checkLargeDeletion() {
	id := engine.NewRoot()
	for i := 0; i < 8; i++ {
		s.branch("large", "obey-three", id, 5000)
	}
	finished := make(chan error, 1)
	go func() {
		_, err := s.send(deletion("large", "obey-three"))
		finished <- err
	}()
	var longest time.Duration
	answered := 0
	for {
		select {
		case err := <-finished:
			tap.OK(err == nil && s.editionsOf(id) == "none", "an edition of 40,000 events is deleted", err)
			tap.OK(answered > 0, "commands are answered while it is", answered)
			tap.Note("%d commands, the longest took %v", answered, longest)
			return
		default:
		}
		begun := time.Now()
		s.mustSend(engine.Request("obey", engine.NewRoot(), page(0)))
		if took := time.Since(begun); took > longest {
			longest = took
		}
		answered++
	}
}

// checkDeletionBesideWriter deletes an edition that a session is writing to.
func (s *suite) checkDeletionBesideWriter() {
	id := engine.NewRoot()
	s.branch("held", "obey-three", id, 2)
	session := exec.Command(s.Psql, "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", "SET application_name = 'writer'", "-c",
		fmt.Sprintf("BEGIN; SELECT angzarr.append('obey-three', '%s', -1, ARRAY[angzarr.new_event('a', 'x')], 'held');"+
			" SELECT pg_sleep(1); COMMIT", uuidText(id)))
	if err := session.Start(); err != nil {
		tap.Bail("no session: %v", err)
	}
	held := engine.WaitFor(10*time.Second, func() bool {
		return s.mustSQL("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'writer' AND wait_event = 'PgSleep'") == "1"
	})
	finished := make(chan error, 1)
	go func() {
		_, err := s.send(deletion("held", "obey-three"))
		finished <- err
	}()
	begun := time.Now()
	s.mustSend(engine.Request("obey", engine.NewRoot(), page(0)))
	quick := time.Since(begun)
	err := <-finished
	ended := session.Wait()
	tap.OK(held && err == nil && ended == nil && s.editionsOf(id) == "none",
		"a deletion waits for whoever is writing to the edition, and takes that too", err, ended, s.editionsOf(id))
	tap.OK(quick < 700*time.Millisecond, "and others do not wait for it", quick)
}
