// What a command on a long stream loads: no more than its snapshot leaves over.

package main

import (
	"fmt"
	"strings"
	"time"

	"angzarr.io/e2e/internal/engine"
	"angzarr.io/e2e/internal/tap"
)

// checkTail counts the rows of angzarr.events that the server reads for one command.
func (s *suite) checkTail() {
	id := engine.NewRoot()
	root := uuidText(id)
	s.mustSQL("SELECT angzarr.append('obey', '%s', 0, ARRAY(SELECT angzarr.new_event('test.Old', '') FROM generate_series(1, 9990)))", root)
	s.mustSQL("SELECT angzarr.save_snapshot('obey', '%s', 9989, 'test.State', 'state')", root)
	s.mustSQL("SELECT angzarr.append('obey', '%s', 9990, ARRAY(SELECT angzarr.new_event('test.New', '') FROM generate_series(1, 10)))", root)

	read, written := s.rows()
	s.mustSend(engine.Request("obey", id, page(10000)))
	calls := s.peer.Calls("obey")
	book := calls[len(calls)-1].Request.GetEvents()
	tap.OK(book.GetSnapshot().GetSequence() == 9989 && len(book.Pages) == 10 && book.NextSequence == 10000,
		"of an aggregate of 10,000 events with a snapshot business logic is given the snapshot and the tail", book.NextSequence, len(book.Pages))
	counted := engine.WaitFor(20*time.Second, func() bool { _, now := s.rows(); return now > written })
	now, _ := s.rows()
	tap.Note("%d rows were read", now-read)
	tap.OK(counted && now-read >= 10 && now-read <= 100,
		"an aggregate of 10,000 events with a snapshot loads only the tail", fmt.Sprint(now-read, " rows were read"))
}

// rows is how many rows of angzarr.events were read and written, as the server counts them.
func (s *suite) rows() (read, written int) {
	said := s.mustSQL("SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0), n_tup_ins" +
		" FROM pg_stat_user_tables WHERE schemaname = 'angzarr' AND relname = 'events'")
	if _, err := fmt.Sscanf(strings.ReplaceAll(said, "|", " "), "%d %d", &read, &written); err != nil {
		tap.Bail("no statistics of angzarr.events: %q", said)
	}
	return read, written
}
