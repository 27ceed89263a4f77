// Package wild is business logic that breaks the protocol: it writes HTTP/2
// frames by hand, in ways that neither a gRPC library nor Go's HTTP/2 server
// would let it.  Each way is a function of Ways; a program serves one of them
// and prints a line for every call that it gets.
package wild

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"

	angzarrv1 "angzarr.io/proto/angzarr/v1"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// What is printed: a line that begins with Called for every call that came
// whole, and Answered by the way that is late.
const (
	Called   = "called"
	Answered = "answered"
)

// Two is how many events an answer of this package holds: one set.
const Two = 2

// Way is one way to misbehave.
type Way struct {
	// Greet, when it is set, is all that happens on a new connection.
	Greet func(connection net.Conn)
	// Answer is what is done with a call that came whole.
	Answer func(c *Call)
}

// Call is one call while it is answered.
type Call struct {
	Stream  uint32
	Request *angzarrv1.ContextualCommand
	conn    net.Conn
	framer  *http2.Framer
	headers *bytes.Buffer
	encoder *hpack.Encoder
}

// Serve misbehaves at an address until the process ends.
func Serve(address string, way Way) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	fmt.Println("wild: ready on", listener.Addr())
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		go way.serve(connection)
	}
}

func (w Way) serve(connection net.Conn) {
	defer connection.Close()
	if w.Greet != nil {
		w.Greet(connection)
		return
	}
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(connection, preface); err != nil {
		return
	}
	headers := &bytes.Buffer{}
	c := &Call{
		conn:    connection,
		framer:  http2.NewFramer(connection, connection),
		headers: headers,
		encoder: hpack.NewEncoder(headers),
	}
	c.framer.SetMaxReadFrameSize(1 << 20)
	must(c.framer.WriteSettings())
	for c.read(w.Answer) {
	}
}

// read takes one frame; false when the connection is over.
func (c *Call) read(answer func(c *Call)) bool {
	frame, err := c.framer.ReadFrame()
	if err != nil {
		return false
	}
	switch f := frame.(type) {
	case *http2.SettingsFrame:
		if !f.IsAck() {
			must(c.framer.WriteSettingsAck())
		}
	case *http2.PingFrame:
		if !f.IsAck() {
			must(c.framer.WritePing(true, f.Data))
		}
	case *http2.DataFrame:
		if f.StreamEnded() {
			c.take(f, answer)
		}
	}
	return true
}

// take answers a call.  Messages of the tests are small enough for one frame.
func (c *Call) take(f *http2.DataFrame, answer func(c *Call)) {
	c.Stream = f.StreamID
	c.Request = &angzarrv1.ContextualCommand{}
	body := f.Data()
	if len(body) < 5 || proto.Unmarshal(body[5:], c.Request) != nil {
		fmt.Println("a call that does not decode")
		return
	}
	fmt.Println(Called, c.Request.GetCommand().GetCover().GetDomain())
	answer(c)
}

// Headers sends a block of name, value, ...
func (c *Call) Headers(end bool, pairs ...string) {
	c.HeadersOn(c.Stream, end, pairs...)
}

// HeadersOn sends it on any stream, in as many frames as it needs.
func (c *Call) HeadersOn(stream uint32, end bool, pairs ...string) {
	const most = 16384
	c.headers.Reset()
	for i := 0; i < len(pairs); i += 2 {
		must(c.encoder.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]}))
	}
	block := c.headers.Bytes()
	first := block
	if len(first) > most {
		first = block[:most]
	}
	block = block[len(first):]
	must(c.framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: stream, BlockFragment: first, EndStream: end, EndHeaders: len(block) == 0}))
	for len(block) > 0 {
		part := block
		if len(part) > most {
			part = block[:most]
		}
		block = block[len(part):]
		must(c.framer.WriteContinuation(stream, len(block) == 0, part))
	}
}

// Usual begins an answer as it should begin.
func (c *Call) Usual() { c.Headers(false, ":status", "200", "content-type", "application/grpc") }

// Data sends bytes of any length.
func (c *Call) Data(data []byte) {
	for len(data) > 0 {
		part := data
		if len(part) > 16384 {
			part = data[:16384]
		}
		data = data[len(part):]
		must(c.framer.WriteData(c.Stream, false, part))
	}
}

// Well ends an answer with status 0.
func (c *Call) Well() { c.Headers(true, "grpc-status", "0") }

// Obey answers as it should.
func (c *Call) Obey() {
	c.Usual()
	c.Data(Message())
	c.Well()
}

// Raw sends bytes that need not be HTTP/2.
func (c *Call) Raw(data []byte) {
	if _, err := c.conn.Write(data); err != nil {
		fmt.Fprintln(os.Stderr, "wild:", err)
	}
}

// Message is the framed answer of two events.
func Message() []byte { return Frame(answerOf(Two, 8)) }

// Large is a framed answer of as many bytes, and a little.
func Large(size int) []byte { return Frame(answerOf(25, size/25)) }

// Frame puts the length before a message.
func Frame(payload []byte) []byte {
	framed := make([]byte, 5, 5+len(payload))
	binary.BigEndian.PutUint32(framed[1:], uint32(len(payload)))
	return append(framed, payload...)
}

func answerOf(events, size int) []byte {
	book := &angzarrv1.EventBook{}
	for i := 0; i < events; i++ {
		book.Pages = append(book.Pages, &angzarrv1.EventPage{Payload: &angzarrv1.EventPage_Event{
			Event: &anypb.Any{TypeUrl: "/test.Happened", Value: make([]byte, size)}}})
	}
	encoded, err := proto.Marshal(&angzarrv1.BusinessResponse{
		Result: &angzarrv1.BusinessResponse_Events{Events: book}})
	must(err)
	return encoded
}

// must reports what could not be written: the caller may have gone, which is
// no fault of ours.
func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "wild:", err)
	}
}
