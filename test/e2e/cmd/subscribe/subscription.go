// One subscription, and what it has been sent.

package main

import (
	"context"
	"fmt"
	"io"
	"time"

	angzarrv1 "angzarr.io/proto/angzarr/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"angzarr.io/e2e/internal/tap"
)

const patience = 20 * time.Second

// subscription reads its stream all the time, so it is never slow.
type subscription struct {
	stream angzarrv1.EventStreamService_SubscribeClient
	cancel context.CancelFunc
	books  chan *angzarrv1.EventBook
	end    error // when books is closed
}

// open subscribes and waits for the response headers; nothing is read yet.
func (s *suite) open(ctx context.Context, client angzarrv1.EventStreamServiceClient, id string) (*subscription, error) {
	ctx, cancel := context.WithCancel(ctx)
	stream, err := client.Subscribe(ctx, &angzarrv1.EventStreamFilter{CorrelationId: id})
	if err != nil {
		cancel()
		return nil, err
	}
	header, err := stream.Header()
	if err == nil && header == nil {
		_, err = stream.Recv()
	}
	if err != nil {
		cancel()
		return nil, err
	}
	return &subscription{stream: stream, cancel: cancel, books: make(chan *angzarrv1.EventBook, 100000)}, nil
}

// subscribe is open, and begins to read.
func (s *suite) subscribe(id string) *subscription {
	sub, err := s.open(context.Background(), s.streams, id)
	if err != nil {
		tap.Bail("could not subscribe: %v", err)
	}
	go sub.read()
	return sub
}

func (sub *subscription) read() {
	for {
		book, err := sub.stream.Recv()
		if err != nil {
			sub.end = err
			close(sub.books)
			return
		}
		sub.books <- book
	}
}

// next is the next book, nil when none comes or the stream has ended.
func (sub *subscription) next() *angzarrv1.EventBook {
	select {
	case book := <-sub.books:
		return book
	case <-time.After(patience):
		return nil
	}
}

// take is so many next books.
func (sub *subscription) take(count int) []*angzarrv1.EventBook {
	var books []*angzarrv1.EventBook
	for len(books) < count {
		book := sub.next()
		if book == nil {
			tap.Note("only %d of %d books have come", len(books), count)
			break
		}
		books = append(books, book)
	}
	return books
}

// code is how the stream ends, after what is left of it.
func (sub *subscription) code() codes.Code {
	limit := time.After(patience)
	for {
		select {
		case _, more := <-sub.books:
			if !more && sub.end == io.EOF {
				return codes.OK
			}
			if !more {
				return status.Code(sub.end)
			}
		case <-limit:
			return codes.Unknown
		}
	}
}

// show is a book as "domain root [sequences] next".
func show(book *angzarrv1.EventBook) string {
	var sequences []uint32
	for _, page := range book.GetPages() {
		sequences = append(sequences, page.GetHeader().GetSequence())
	}
	return fmt.Sprintf("%s %s %v %d", book.GetCover().GetDomain(), rootOf(book), sequences, book.GetNextSequence())
}

func rootOf(book *angzarrv1.EventBook) string {
	root := book.GetCover().GetRoot().GetValue()
	if len(root) != 16 {
		return "no root"
	}
	return uuidText(root)
}

func showAll(books []*angzarrv1.EventBook) []string {
	var shown []string
	for _, book := range books {
		shown = append(shown, show(book))
	}
	return shown
}
