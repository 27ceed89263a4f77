// The ways to misbehave, by name.

package wild

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/net/http2"
)

// five is what "5 MB" means here.
const five = 5 << 20

// Ways maps a name, which is also the domain that a test uses, to what is done.
var Ways = map[string]Way{
	// Dying and being silent.
	"killed-before": {Answer: func(c *Call) { die() }},
	"killed-within": {Answer: func(c *Call) { half(c); die() }},
	"killed-after":  {Answer: func(c *Call) { c.Obey(); die() }},
	"silent":        {Answer: func(c *Call) {}},
	"stalls":        {Answer: half},
	"late":          {Answer: late},

	// Connections.
	"mute":        {Greet: func(conn net.Conn) { time.Sleep(time.Hour) }},
	"hangs-up":    {Greet: func(conn net.Conn) {}},
	"web-server":  {Greet: webServer},
	"cut":         {Answer: func(c *Call) { c.conn.Close() }},
	"cut-within":  {Answer: func(c *Call) { half(c); c.conn.Close() }},
	"cut-rudely":  {Answer: cutRudely},
	"garbage":     {Answer: func(c *Call) { c.Raw(bytes.Repeat([]byte{0xff}, 200)) }},
	"bad-headers": {Answer: badHeaders},

	// GOAWAY, refusals and resets.
	"goaway-refusing": {Answer: func(c *Call) { c.goAway(0, http2.ErrCodeNo); c.conn.Close() }},
	"goaway-silent":   {Answer: func(c *Call) { c.goAway(c.Stream, http2.ErrCodeNo); c.conn.Close() }},
	"goaway-angry":    {Answer: func(c *Call) { c.goAway(c.Stream, http2.ErrCodeEnhanceYourCalm); c.conn.Close() }},
	"goaway-first":    {Answer: func(c *Call) { c.goAway(c.Stream, http2.ErrCodeNo); c.Obey() }},
	"goaway-after":    {Answer: func(c *Call) { c.Obey(); c.goAway(c.Stream, http2.ErrCodeNo); c.conn.Close() }},
	"refuses":         {Answer: func(c *Call) { c.reset(http2.ErrCodeRefusedStream) }},
	"resets":          {Answer: func(c *Call) { c.reset(http2.ErrCodeInternal) }},
	"resets-within":   {Answer: func(c *Call) { half(c); c.reset(http2.ErrCodeInternal) }},
	"resets-after":    {Answer: func(c *Call) { c.Obey(); c.reset(http2.ErrCodeNo) }},

	// More than one answer.
	"two-messages":   {Answer: func(c *Call) { c.Usual(); c.Data(append(Message(), Message()...)); c.Well() }},
	"data-after-end": {Answer: func(c *Call) { c.Obey(); c.Data(Message()) }},
	"answers-twice":  {Answer: func(c *Call) { c.Obey(); c.Obey() }},
	"other-stream":   {Answer: func(c *Call) { c.HeadersOn(c.Stream+98, true, ":status", "200"); c.Obey() }},
	"pushes":         {Answer: pushes},

	// Answers that are none.
	"only-well":       {Answer: func(c *Call) { c.trailersOnly("0", "") }},
	"only-rejected":   {Answer: func(c *Call) { c.trailersOnly("10", "not today") }},
	"no-status":       {Answer: func(c *Call) { c.Usual(); c.Data(Message()); c.Headers(true, "x-other", "1") }},
	"no-trailers":     {Answer: func(c *Call) { c.Usual(); c.endWithData(Message()) }},
	"no-headers":      {Answer: func(c *Call) { c.Data(Message()); c.Well() }},
	"half-a-message":  {Answer: func(c *Call) { half(c); c.Well() }},
	"does-not-decode": {Answer: func(c *Call) { c.Usual(); c.Data(Frame(bytes.Repeat([]byte{0xff}, 40))); c.Well() }},
	"compressed":      {Answer: compressed},
	"other-type":      {Answer: otherType},
	"proxy-page":      {Answer: proxyPage},

	// Large and small.
	"large-answer":  {Answer: func(c *Call) { c.Usual(); c.Data(Large(five)); c.Well() }},
	"lying-length":  {Answer: lyingLength},
	"large-message": {Answer: func(c *Call) { c.trailersOnly("9", strings.Repeat("m", five)) }},
	"long-message":  {Answer: func(c *Call) { c.trailersOnly("9", strings.Repeat("m", 60000)) }},
	"many-headers":  {Answer: manyHeaders},
	"byte-by-byte":  {Answer: byteByByte},
}

// die is what a crash, or an operator, does.
func die() {
	syscall.Kill(os.Getpid(), syscall.SIGKILL) //nolint:errcheck // there is nobody left to tell
	select {}
}

// late answers after a second, whether or not anybody still waits, and says
// when it has.
func late(c *Call) {
	time.Sleep(time.Second)
	c.Obey()
	fmt.Println(Answered)
}

// half sends the headers and the first half of the message.
func half(c *Call) {
	c.Usual()
	c.Data(Message()[:len(Message())/2])
}

// webServer answers the preface as HTTP/1 and waits for more.
func webServer(conn net.Conn) {
	conn.Write([]byte("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")) //nolint:errcheck // the caller may have gone
	io.Copy(io.Discard, conn)                                                   //nolint:errcheck // until it ends
}

// cutRudely makes the other side's next read fail instead of end.
func cutRudely(c *Call) {
	if connection, ok := c.conn.(*net.TCPConn); ok {
		connection.SetLinger(0) //nolint:errcheck // without it the connection ends mildly
	}
	c.conn.Close()
}

// badHeaders sends a block that no HPACK decoder can read.
func badHeaders(c *Call) {
	must(c.framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: c.Stream, BlockFragment: []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, EndHeaders: true}))
}

func (c *Call) goAway(last uint32, code http2.ErrCode) { must(c.framer.WriteGoAway(last, code, nil)) }

func (c *Call) reset(code http2.ErrCode) { must(c.framer.WriteRSTStream(c.Stream, code)) }

func (c *Call) endWithData(data []byte) { must(c.framer.WriteData(c.Stream, true, data)) }

// pushes promises what the client has said it does not want.
func pushes(c *Call) {
	c.headers.Reset()
	must(c.framer.WritePushPromise(http2.PushPromiseParam{
		StreamID: c.Stream, PromiseID: 2, BlockFragment: []byte{0x82, 0x86, 0x84}, EndHeaders: true}))
}

func (c *Call) trailersOnly(status, message string) {
	c.Headers(true, ":status", "200", "content-type", "application/grpc",
		"grpc-status", status, "grpc-message", message)
}

func compressed(c *Call) {
	message := Message()
	message[0] = 1
	c.Headers(false, ":status", "200", "content-type", "application/grpc", "grpc-encoding", "gzip")
	c.Data(message)
	c.Well()
}

func otherType(c *Call) {
	c.Headers(false, ":status", "200", "content-type", "text/html")
	c.Data(Message())
	c.Well()
}

func proxyPage(c *Call) {
	c.Headers(false, ":status", "502", "content-type", "text/html")
	c.endWithData([]byte("<h1>Bad Gateway</h1>"))
}

// lyingLength promises 4 GB.
func lyingLength(c *Call) {
	c.Usual()
	c.Data([]byte{0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3})
}

// manyHeaders sends 5 MB of them.
func manyHeaders(c *Call) {
	pairs := []string{":status", "200", "content-type", "application/grpc"}
	for i := 0; i < five/1000; i++ {
		pairs = append(pairs, "x-other", strings.Repeat("v", 1000))
	}
	c.Headers(true, pairs...)
}

func byteByByte(c *Call) {
	c.Usual()
	for _, one := range Message() {
		c.Data([]byte{one})
	}
	c.Well()
}
