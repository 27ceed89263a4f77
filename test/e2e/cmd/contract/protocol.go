// Queries, and the protocol below them: bytes, methods, health.

package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"crypto/tls"
	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"angzarr.io/e2e/internal/engine"
	"angzarr.io/e2e/internal/tap"
)

const handleCommand = "/io.angzarr.v1.CommandHandlerCoordinatorService/HandleCommand"

// answer is what a call got, as it came over the wire.
type answer struct {
	http            int
	status, message string
	details         []byte
	header          http.Header
	body            []byte
}

// raw makes one gRPC call by hand; the payload is framed unless a header says
// how it is encoded.
func (s *suite) raw(path string, payload []byte, header map[string]string) (*answer, error) {
	body := framed(payload)
	if header["grpc-encoding"] != "" {
		body[0] = 1
	}
	return s.post(path, body, header)
}

// framed puts the length before a message.
func framed(payload []byte) []byte {
	frame := make([]byte, 5, 5+len(payload))
	binary.BigEndian.PutUint32(frame[1:], uint32(len(payload)))
	return append(frame, payload...)
}

// post sends a body of any bytes.
func (s *suite) post(path string, body []byte, header map[string]string) (*answer, error) {
	transport := &http2.Transport{
		AllowHTTP:          true,
		DisableCompression: true,
		DialTLSContext: func(ctx context.Context, network, address string, _ *tls.Config) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, address)
		},
	}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequest("POST", "http://"+s.Address+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/grpc")
	request.Header.Set("Te", "trailers")
	for name, value := range header {
		request.Header.Set(name, value)
	}
	client := &http.Client{Transport: transport, Timeout: 20 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	return readAnswer(response)
}

func readAnswer(response *http.Response) (*answer, error) {
	a := &answer{http: response.StatusCode, header: response.Header}
	var err error
	if a.body, err = io.ReadAll(response.Body); err != nil {
		return nil, err
	}
	trailer := response.Trailer
	if response.Header.Get("Grpc-Status") != "" {
		trailer = response.Header
	}
	a.status = trailer.Get("Grpc-Status")
	if a.message, err = url.PathUnescape(trailer.Get("Grpc-Message")); err != nil {
		return nil, err
	}
	details := strings.TrimRight(trailer.Get("Grpc-Status-Details-Bin"), "=")
	a.details, err = base64.RawStdEncoding.DecodeString(details)
	return a, err
}

func (s *suite) checkProtocol() {
	service := "/io.angzarr.v1.CommandHandlerCoordinatorService/"
	for _, method := range []string{service + "Nothing", "/io.angzarr.v1.NothingService/Handle",
		"/io.angzarr.v1.SagaService/Handle", "/", "/x"} {
		a, err := s.raw(method, nil, nil)
		tap.OK(err == nil && a.status == fmt.Sprint(uint32(codes.Unimplemented)) && strings.Contains(a.message, strings.TrimPrefix(method, "/")),
			method+" is UNIMPLEMENTED and named", err, a)
	}
	for _, c := range []struct {
		name string
		body []byte
	}{
		{"bytes that are no message", []byte{0, 0, 0, 0, 4, 0xff, 0xff, 0xff, 0xff}},
		{"a field that is longer than the message", []byte{0, 0, 0, 0, 2, 0x0a, 0x7f}},
		{"a domain that is not UTF-8", []byte{0, 0, 0, 0, 8, 0x0a, 0x06, 0x0a, 0x04, 0x12, 0x02, 0xff, 0xfe}},
	} {
		a, err := s.post(handleCommand, c.body, nil)
		tap.OK(err == nil && a.status == fmt.Sprint(uint32(codes.InvalidArgument)),
			c.name+" as a request is INVALID_ARGUMENT", err, a)
	}
	request := mustMarshal(engine.Request("aggregate", engine.NewRoot(), page(0)))
	written := s.events()
	for _, c := range []struct {
		name string
		body []byte
	}{
		{"a request of no message", nil},
		{"a request that ends within its message", framed(request)[:20]},
		{"a request of two messages", append(framed(request), framed(request)...)},
	} {
		a, err := s.post(handleCommand, c.body, nil)
		tap.OK(err == nil && a.status != "" && a.status != "0" && a.message != "",
			c.name+" is refused in words", err, a)
	}
	tap.Is(s.events(), written, "requests that are not one message write nothing")
	a, err := s.post(handleCommand, framed(request), map[string]string{"Content-Type": "application/json"})
	tap.OK(err == nil && a.http == http.StatusUnsupportedMediaType,
		"a request that is not gRPC is HTTP status 415", err, a)
	a, err = s.post(handleCommand, framed(request), map[string]string{"Content-Type": "application/grpc+proto"})
	tap.OK(err == nil && a.status == "0", "application/grpc+proto is gRPC, too", err, a)
	a, err = s.raw(handleCommand, []byte{0x1f, 0x8b}, map[string]string{"grpc-encoding": "gzip"})
	tap.OK(err == nil && a.status == fmt.Sprint(uint32(codes.Unimplemented)),
		"a compressed request is UNIMPLEMENTED", err, a)
	tap.OK(err == nil && strings.Contains(a.header.Get("Grpc-Accept-Encoding"), "identity"),
		"and is told that identity is accepted", a)
	a, err = s.raw(handleCommand, make([]byte, 5<<20), nil)
	tap.OK(err == nil && a.status == fmt.Sprint(uint32(codes.ResourceExhausted)),
		"a request of 5 MB is RESOURCE_EXHAUSTED", err, a)
	_, err = s.send(engine.Request("aggregate", engine.NewRoot(), page(0)))
	tap.OK(err == nil, "after all that commands are still served on the first connection", err)
}

func (s *suite) checkHealth() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	health := healthv1.NewHealthClient(s.ClientConn)
	for _, name := range []string{"", "io.angzarr.v1.CommandHandlerCoordinatorService",
		"io.angzarr.v1.EventQueryService", "grpc.health.v1.Health"} {
		response, err := health.Check(ctx, &healthv1.HealthCheckRequest{Service: name})
		tap.OK(err == nil && response.GetStatus() == healthv1.HealthCheckResponse_SERVING,
			fmt.Sprintf("health of %q is SERVING", name), err)
	}
	_, err := health.Check(ctx, &healthv1.HealthCheckRequest{Service: "nothing"})
	tap.Is(status.Code(err), codes.NotFound, "health of an unknown service is NOT_FOUND")
	watch, err := health.Watch(ctx, &healthv1.HealthCheckRequest{})
	if err != nil {
		tap.OK(false, "health can be watched", err)
		return
	}
	response, err := watch.Recv()
	tap.OK(err == nil && response.GetStatus() == healthv1.HealthCheckResponse_SERVING,
		"who watches health is told at once", err)
}
