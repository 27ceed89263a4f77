// What a peer can do to a command.

package peer

import (
	"bytes"
	"fmt"
	"net/http"
	"time"

	angzarrv1 "angzarr.io/proto/angzarr/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// What the rejecting behaviours say, for tests to compare.
const (
	RejectionMessage = "100 % naïve – \"no\"\nsecond line"
	RevocationReason = "the stock was counted again"
	LongDetails      = 6000 // bytes
)

// NoFactHandler is what a handler says that has none for a type of fact.
const NoFactHandler = "no handler for this fact"

// NoFactHandlerDetails are what it says to programs.
var NoFactHandlerDetails = mustMarshal(&rpcstatus.Status{
	Code:    int32(codes.InvalidArgument),
	Message: NoFactHandler,
	Details: []*anypb.Any{mustPack(&errdetails.ErrorInfo{Reason: "NO_FACT_HANDLER", Domain: "shop"})},
})

// RejectionDetails are status details of a kind that nobody but sender and
// receiver knows.
var RejectionDetails = mustMarshal(&rpcstatus.Status{
	Code:    int32(codes.Aborted),
	Message: RejectionMessage,
	Details: []*anypb.Any{
		mustPack(&errdetails.ErrorInfo{Reason: "OUT_OF_STOCK", Domain: "shop"}),
		{TypeUrl: "example.com/shop.Unheard", Value: []byte{0x00, 0xff, 0x80, 0x0a, 0x3d}},
	},
})

// Behaviours maps a domain to what is done with its commands. Another domain
// is obeyed.
var Behaviours = map[string]func(x *exchange){
	"obey":              Obey,
	"obey-three":        func(x *exchange) { x.sendEvents(&angzarrv1.EventBook{Pages: pages(3)}) },
	"quiet":             func(x *exchange) { x.send(&angzarrv1.BusinessResponse{}) },
	"no-pages":          func(x *exchange) { x.sendEvents(&angzarrv1.EventBook{}) },
	"numbered":          func(x *exchange) { x.sendEvents(x.numbered(0)) },
	"misnumbered":       func(x *exchange) { x.sendEvents(x.numbered(7)) },
	"numbered-gap":      numberedWithGap,
	"own-ext":           ownExt,
	"other-domain":      otherDomain,
	"other-root":        otherRoot,
	"other-correlation": otherCorrelation,
	"snapshot":          withSnapshot,
	"empty-page":        func(x *exchange) { x.sendEvents(&angzarrv1.EventBook{Pages: []*angzarrv1.EventPage{{}}}) },
	"many-pages":        func(x *exchange) { x.sendEvents(&angzarrv1.EventBook{Pages: pages(101)}) },
	"big-page":          func(x *exchange) { x.sendEvents(&angzarrv1.EventBook{Pages: sized(1, 300<<10)}) },
	"big-answer":        func(x *exchange) { x.sendEvents(&angzarrv1.EventBook{Pages: sized(25, 200<<10)}) },
	"reject":            func(x *exchange) { x.status(codes.Aborted, RejectionMessage, RejectionDetails) },
	"reject-late":       func(x *exchange) { x.statusAfterHeaders(codes.Aborted, RejectionMessage, RejectionDetails) },
	"reject-long":       func(x *exchange) { x.status(codes.FailedPrecondition, "no", bytes.Repeat([]byte{0xa5}, LongDetails)) },
	"reject-plain":      func(x *exchange) { x.status(codes.FailedPrecondition, "no", nil) },
	"revoke":            revoke,
	"notify":            notify,
	"reject-below-four": rejectBelowFour,
	"unimplemented":     func(x *exchange) { x.status(codes.Unimplemented, "", nil) },
	"slow":              func(x *exchange) { x.sleep(30 * time.Second); Obey(x) },
	"unhurried":         func(x *exchange) { x.sleep(time.Second); Obey(x) },
	"rendezvous":        rendezvous,
	"garbage":           func(x *exchange) { x.sendBytes(frame(bytes.Repeat([]byte{0xff}, 40)), "0") },
	"half-a-message":    func(x *exchange) { x.sendBytes([]byte{0, 0, 0, 0, 100, 1, 2, 3}, "0") },
	"two-messages":      func(x *exchange) { x.sendBytes(append(frame(nil), frame(nil)...), "0") },
	"compressed":        func(x *exchange) { x.sendBytes([]byte{1, 0, 0, 0, 1, 0}, "0") },
	"no-message":        func(x *exchange) { x.sendBytes(nil, "0") },
	"no-status":         func(x *exchange) { x.sendBytes(frame(nil), "") },
	"bad-status":        func(x *exchange) { x.sendBytes(frame(nil), "many") },
	"web-page":          webPage,
	"reset":             func(x *exchange) { panic(http.ErrAbortHandler) },
	"hang-up":           func(x *exchange) { x.hangUp() },
}

// FactBehaviours maps a domain to what is done with its facts. Another domain
// does not implement HandleFact.
var FactBehaviours = map[string]func(x *exchange){
	"fact-two":     func(x *exchange) { x.send(&angzarrv1.EventBook{Pages: pages(2)}) },
	"fact-none":    func(x *exchange) { x.send(&angzarrv1.EventBook{}) },
	"fact-slow":    func(x *exchange) { x.sleep(200 * time.Millisecond); x.send(&angzarrv1.EventBook{Pages: pages(2)}) },
	"fact-refuse":  func(x *exchange) { x.status(codes.InvalidArgument, NoFactHandler, NoFactHandlerDetails) },
	"fact-fail":    func(x *exchange) { x.status(codes.Internal, "out of order", nil) },
	"fact-garbage": func(x *exchange) { x.sendBytes(frame(bytes.Repeat([]byte{0xff}, 40)), "0") },
	"fact-own-ext": factWithExt,
	"fact-state":   factWithState,
}

// Obey answers one event, which tells how many events the book had.
func Obey(x *exchange) {
	x.sendEvents(&angzarrv1.EventBook{Pages: pages(1)})
}

func (x *exchange) sendEvents(book *angzarrv1.EventBook) {
	x.send(&angzarrv1.BusinessResponse{
		Result: &angzarrv1.BusinessResponse_Events{Events: book},
	})
}

// sleep waits, unless the caller gives up before.
func (x *exchange) sleep(limit time.Duration) {
	select {
	case <-time.After(limit):
	case <-x.r.Context().Done():
	}
}

func (x *exchange) numbered(offset uint32) *angzarrv1.EventBook {
	book := &angzarrv1.EventBook{Pages: pages(2)}
	for i, page := range book.Pages {
		page.Header = header(x.request.GetEvents().GetNextSequence() + uint32(i) + offset)
	}
	return book
}

// numberedWithGap numbers the first of two pages rightly.
func numberedWithGap(x *exchange) {
	book := x.numbered(0)
	book.Pages[1].Header = header(x.request.GetEvents().GetNextSequence() + 5)
	x.sendEvents(book)
}

func ownExt(x *exchange) {
	cover := proto.Clone(x.request.GetCommand().GetCover()).(*angzarrv1.Cover)
	cover.Ext = &anypb.Any{TypeUrl: "/test.Ext", Value: []byte("of the handler")}
	x.sendEvents(&angzarrv1.EventBook{Cover: cover, Pages: pages(1)})
}

func factWithExt(x *exchange) {
	x.send(&angzarrv1.EventBook{
		Cover: &angzarrv1.Cover{Ext: &anypb.Any{TypeUrl: "/test.Ext", Value: []byte("of the handler")}},
		Pages: pages(1),
	})
}

func factWithState(x *exchange) {
	x.send(&angzarrv1.EventBook{
		Pages:    pages(2),
		Snapshot: &angzarrv1.Snapshot{State: &anypb.Any{TypeUrl: "/test.State", Value: []byte("paid")}},
	})
}

func otherDomain(x *exchange) {
	cover := proto.Clone(x.request.GetCommand().GetCover()).(*angzarrv1.Cover)
	cover.Domain = "elsewhere"
	x.sendEvents(&angzarrv1.EventBook{Cover: cover, Pages: pages(1)})
}

func otherRoot(x *exchange) {
	cover := proto.Clone(x.request.GetCommand().GetCover()).(*angzarrv1.Cover)
	cover.Root = &angzarrv1.UUID{Value: bytes.Repeat([]byte{0xab}, 16)}
	x.sendEvents(&angzarrv1.EventBook{Cover: cover, Pages: pages(1)})
}

func otherCorrelation(x *exchange) {
	cover := proto.Clone(x.request.GetCommand().GetCover()).(*angzarrv1.Cover)
	cover.CorrelationId = "invented"
	cover.Edition = &angzarrv1.Edition{Name: "invented"}
	x.sendEvents(&angzarrv1.EventBook{Cover: cover, Pages: pages(1)})
}

// withSnapshot numbers its snapshot wrongly, which must not matter.
func withSnapshot(x *exchange) {
	x.sendEvents(&angzarrv1.EventBook{
		Pages: pages(2),
		Snapshot: &angzarrv1.Snapshot{
			Sequence: 77,
			State: &anypb.Any{
				TypeUrl: "/test.State",
				Value:   []byte(fmt.Sprint("after ", x.request.GetEvents().GetNextSequence()+2)),
			},
		},
	})
}

func revoke(x *exchange) {
	x.send(&angzarrv1.BusinessResponse{Result: &angzarrv1.BusinessResponse_Revocation{
		Revocation: &angzarrv1.RevocationResponse{Reason: RevocationReason},
	}})
}

// rejectBelowFour says no until the aggregate has four events.
func rejectBelowFour(x *exchange) {
	if n := x.request.GetEvents().GetNextSequence(); n < 4 {
		x.status(codes.FailedPrecondition, fmt.Sprint("only ", n), nil)
		return
	}
	Obey(x)
}

func notify(x *exchange) {
	x.send(&angzarrv1.BusinessResponse{Result: &angzarrv1.BusinessResponse_Notification{
		Notification: &angzarrv1.Notification{},
	}})
}

// rendezvous answers when two calls are there, or after a second.
func rendezvous(x *exchange) {
	end := time.Now().Add(time.Second)
	for time.Now().Before(end) && len(x.peer.Calls("rendezvous")) < 2 {
		x.sleep(5 * time.Millisecond)
	}
	Obey(x)
}

func webPage(x *exchange) {
	x.w.Header().Set("Content-Type", "text/html")
	x.w.WriteHeader(http.StatusServiceUnavailable)
	x.w.Write([]byte("<h1>Service Unavailable</h1>")) //nolint:errcheck // the caller may have gone
}

// pages makes small events.
func pages(n int) []*angzarrv1.EventPage { return sized(n, 8) }

// sized makes events of so many bytes.
func sized(n, size int) []*angzarrv1.EventPage {
	var made []*angzarrv1.EventPage
	for i := 0; i < n; i++ {
		value := bytes.Repeat([]byte{0x00, 0xff, 'x', byte(i)}, (size+3)/4)
		made = append(made, &angzarrv1.EventPage{Payload: &angzarrv1.EventPage_Event{
			Event: &anypb.Any{TypeUrl: "type.googleapis.com/test.Happened", Value: value[:size]},
		}})
	}
	return made
}

func header(sequence uint32) *angzarrv1.PageHeader {
	return &angzarrv1.PageHeader{SequenceType: &angzarrv1.PageHeader_Sequence{Sequence: sequence}}
}

func mustMarshal(message proto.Message) []byte {
	encoded, err := proto.Marshal(message)
	if err != nil {
		panic(err)
	}
	return encoded
}

func mustPack(message proto.Message) *anypb.Any {
	packed, err := anypb.New(message)
	if err != nil {
		panic(err)
	}
	return packed
}
