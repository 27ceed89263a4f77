// What a peer can do when it is asked to fold events. A ReplayRequest names no
// aggregate, so the correlation id of the command decides.

package peer

import (
	"bytes"
	"time"

	angzarrv1 "angzarr.io/proto/angzarr/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/anypb"
)

// Replays maps a correlation id to how Replay is answered. Another one has no
// Replay: UNIMPLEMENTED.
var Replays = map[string]func(x *exchange){
	"replay-unset":    func(x *exchange) { x.send(&angzarrv1.ReplayResponse{}) },
	"replay-same":     func(x *exchange) { x.sendState([]byte{0x08, 0x01}) },
	"replay-broken":   func(x *exchange) { x.sendState([]byte{0x0a, 0x7f}) },
	"replay-garbage":  func(x *exchange) { x.sendBytes(frame(bytes.Repeat([]byte{0xff}, 40)), "0") },
	"replay-fails":    func(x *exchange) { x.status(codes.Aborted, RejectionMessage, RejectionDetails) },
	"replay-slow":     func(x *exchange) { x.sleep(30 * time.Second) },
	"replay-hangs-up": func(x *exchange) { x.hangUp() },
}

// replay answers one call of Replay; Calls knows it by its correlation id.
func (p *Peer) replay(x *exchange) {
	correlation := x.r.Header.Get("X-Correlation-Id")
	p.enter(correlation, x)
	defer p.leave()
	behaviour, ok := Replays[correlation]
	if !ok {
		x.status(codes.Unimplemented, "no method "+x.r.URL.Path, nil)
		return
	}
	behaviour(x)
}

func (x *exchange) sendState(value []byte) {
	x.send(&angzarrv1.ReplayResponse{State: &anypb.Any{TypeUrl: "/test.State", Value: value}})
}
