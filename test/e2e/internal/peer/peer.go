// Package peer is business logic as tests need it: obedient, slow, or wrong in
// one of many ways. What it does to a command or a fact is decided by the
// domain; Behaviours and FactBehaviours list them.
//
// It speaks HTTP/2 by hand and not through a gRPC library, since a library
// would not let it be wrong.
package peer

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"sort"
	"strings"
	"sync"

	angzarrv1 "angzarr.io/proto/angzarr/v1"
	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
)

const (
	pathHandle     = "/io.angzarr.v1.CommandHandlerService/Handle"
	pathHandleFact = "/io.angzarr.v1.CommandHandlerService/HandleFact"
	pathReplay     = "/io.angzarr.v1.CommandHandlerService/Replay"
)

// Peer is one listening address.
type Peer struct {
	Address string // as one registers it

	maxStreams uint32 // that it allows on one connection
	listener   net.Listener

	mutex     sync.Mutex // guards what follows
	connected map[net.Conn]bool
	seen      map[string][]*Call
	facts     map[string][]*angzarrv1.FactRequest
	now       int // calls under way
	most      int // calls under way at one time
}

// Call is what one call brought.
type Call struct {
	Header    http.Header
	Request   *angzarrv1.ContextualCommand
	Cancelled <-chan struct{} // closed when the caller gave up, or the call ended
}

// exchange is one call while it is answered.
type exchange struct {
	peer    *Peer
	w       http.ResponseWriter
	r       *http.Request
	request *angzarrv1.ContextualCommand
	fact    *angzarrv1.FactRequest // nil unless it is one
	hangUp  func()
}

type connectionKey struct{}

// Listen starts a peer at host:port (port 0: a free one) or unix:/path.
func Listen(address string, maxStreams uint32) (*Peer, error) {
	network, where := "tcp", address
	if strings.HasPrefix(address, "unix:") {
		network, where = "unix", strings.TrimPrefix(address, "unix:")
	}
	listener, err := net.Listen(network, where)
	if err != nil {
		return nil, err
	}
	registered := address
	if network == "tcp" {
		registered = "grpc://" + listener.Addr().String()
	}
	peer := &Peer{
		Address:    registered,
		maxStreams: maxStreams,
		listener:   listener,
		connected:  map[net.Conn]bool{},
		seen:       map[string][]*Call{},
		facts:      map[string][]*angzarrv1.FactRequest{},
	}
	go peer.accept()
	return peer, nil
}

// Close stops listening and cuts every connection.
func (p *Peer) Close() {
	p.listener.Close()
	p.HangUp()
}

// HangUp cuts every connection and goes on listening.
func (p *Peer) HangUp() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for connection := range p.connected {
		connection.Close()
	}
}

// Calls returns what came for a domain.
func (p *Peer) Calls(domain string) []*Call {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return append([]*Call(nil), p.seen[domain]...)
}

// Facts returns the facts that came for a domain.
func (p *Peer) Facts(domain string) []*angzarrv1.FactRequest {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return append([]*angzarrv1.FactRequest(nil), p.facts[domain]...)
}

// Counts returns the number of calls by domain, and the most at one time.
func (p *Peer) Counts() (map[string]int, int) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	counts := map[string]int{}
	for domain, calls := range p.seen {
		counts[domain] = len(calls)
	}
	return counts, p.most
}

// Connections returns how many are open now.
func (p *Peer) Connections() int {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return len(p.connected)
}

// Domains lists what can be asked for, in order.
func Domains() []string {
	var names []string
	for name := range Behaviours {
		names = append(names, name)
	}
	for name := range FactBehaviours {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func (p *Peer) accept() {
	for {
		connection, err := p.listener.Accept()
		if err != nil {
			return
		}
		go p.serve(connection)
	}
}

func (p *Peer) serve(connection net.Conn) {
	p.mutex.Lock()
	p.connected[connection] = true
	p.mutex.Unlock()
	server := &http2.Server{MaxConcurrentStreams: p.maxStreams}
	server.ServeConn(connection, &http2.ServeConnOpts{
		Context: context.WithValue(context.Background(), connectionKey{}, connection),
		Handler: http.HandlerFunc(p.handle),
	})
	connection.Close()
	p.mutex.Lock()
	delete(p.connected, connection)
	p.mutex.Unlock()
}

// handle reads the one message of a call and lets the domain's behaviour
// answer it.
func (p *Peer) handle(w http.ResponseWriter, r *http.Request) {
	x := &exchange{peer: p, w: w, r: r, request: &angzarrv1.ContextualCommand{}}
	x.hangUp = func() {
		if connection, ok := r.Context().Value(connectionKey{}).(net.Conn); ok {
			connection.Close()
		}
	}
	if r.URL.Path == pathReplay {
		p.replay(x)
		return
	}
	if r.URL.Path == pathHandleFact {
		p.handleFact(x)
		return
	}
	if r.URL.Path != pathHandle {
		x.status(codes.Unimplemented, "no method "+r.URL.Path, nil)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if err := decodeFrame(body, x.request); err != nil {
		x.status(codes.InvalidArgument, err.Error(), nil)
		return
	}
	domain := x.request.GetCommand().GetCover().GetDomain()
	p.enter(domain, x)
	defer p.leave()
	behaviour, ok := Behaviours[domain]
	if !ok {
		behaviour = Obey
	}
	behaviour(x)
}

// handleFact does the same for facts; most domains do not know the method.
func (p *Peer) handleFact(x *exchange) {
	body, err := io.ReadAll(x.r.Body)
	if err != nil {
		return
	}
	x.fact = &angzarrv1.FactRequest{}
	if err := decodeFrame(body, x.fact); err != nil {
		x.status(codes.InvalidArgument, err.Error(), nil)
		return
	}
	domain := x.fact.GetFacts().GetCover().GetDomain()
	p.mutex.Lock()
	p.facts[domain] = append(p.facts[domain], x.fact)
	p.mutex.Unlock()
	behaviour, ok := FactBehaviours[domain]
	if !ok {
		x.status(codes.Unimplemented, "no method "+x.r.URL.Path, nil)
		return
	}
	behaviour(x)
}

func (p *Peer) enter(domain string, x *exchange) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.seen[domain] = append(p.seen[domain], &Call{
		Header:    x.r.Header.Clone(),
		Request:   x.request,
		Cancelled: x.r.Context().Done(),
	})
	p.now++
	if p.now > p.most {
		p.most = p.now
	}
}

func (p *Peer) leave() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.now--
}

// ------------------------------------------------------- gRPC by hand

func decodeFrame(body []byte, into proto.Message) error {
	if len(body) < 5 || body[0] != 0 {
		return fmt.Errorf("not one plain gRPC message: %d bytes", len(body))
	}
	if size := binary.BigEndian.Uint32(body[1:5]); int(size) != len(body)-5 {
		return fmt.Errorf("a message of %d bytes in a body of %d", size, len(body)-5)
	}
	return proto.Unmarshal(body[5:], into)
}

func frame(payload []byte) []byte {
	framed := make([]byte, 5, 5+len(payload))
	binary.BigEndian.PutUint32(framed[1:], uint32(len(payload)))
	return append(framed, payload...)
}

// send answers OK with a message.
func (x *exchange) send(message proto.Message) {
	payload, err := proto.Marshal(message)
	if err != nil {
		x.status(codes.Internal, err.Error(), nil)
		return
	}
	x.sendBytes(frame(payload), "0")
}

// sendBytes answers with a body and, unless it is empty, a status behind it.
func (x *exchange) sendBytes(body []byte, status string) {
	x.w.Header().Set("Content-Type", "application/grpc")
	if status != "" {
		x.w.Header().Set(http.TrailerPrefix+"Grpc-Status", status)
	}
	x.w.WriteHeader(http.StatusOK)
	x.w.Write(body) //nolint:errcheck // the caller may have gone
}

// status answers with trailers only.
func (x *exchange) status(code codes.Code, message string, details []byte) {
	header := x.w.Header()
	header.Set("Content-Type", "application/grpc")
	header.Set("Grpc-Status", fmt.Sprint(uint32(code)))
	header.Set("Grpc-Message", percentEncode(message))
	if details != nil {
		header.Set("Grpc-Status-Details-Bin", base64.RawStdEncoding.EncodeToString(details))
	}
	x.w.WriteHeader(http.StatusOK)
}

// statusAfterHeaders answers with headers first and the status in trailers.
func (x *exchange) statusAfterHeaders(code codes.Code, message string, details []byte) {
	header := x.w.Header()
	header.Set("Content-Type", "application/grpc")
	header.Set(http.TrailerPrefix+"Grpc-Status", fmt.Sprint(uint32(code)))
	header.Set(http.TrailerPrefix+"Grpc-Message", percentEncode(message))
	if details != nil {
		header.Set(http.TrailerPrefix+"Grpc-Status-Details-Bin",
			base64.RawStdEncoding.EncodeToString(details))
	}
	x.w.WriteHeader(http.StatusOK)
	if flusher, ok := x.w.(http.Flusher); ok {
		flusher.Flush()
	}
}

func percentEncode(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if c := text[i]; c < ' ' || c > '~' || c == '%' {
			fmt.Fprintf(&out, "%%%02X", c)
		} else {
			out.WriteByte(c)
		}
	}
	return out.String()
}
