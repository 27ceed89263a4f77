// The load: every kind of request there is, good and bad.

package main

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	angzarrv1 "angzarr.io/proto/angzarr/v1"
	orderv1 "angzarr.io/proto/shop/order/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"angzarr.io/e2e/internal/engine"
	"angzarr.io/e2e/internal/peer"
	"angzarr.io/e2e/internal/tap"
)

const (
	streams     = 16
	connections = 6 // several engines share them
	sharedCount = 50
	// itemsEach keeps shared orders short: books of all sizes up to this.
	itemsEach   = 60
	restartEach = 20 * time.Second
	strict      = angzarrv1.MergeStrategy_MERGE_STRICT
	handles     = angzarrv1.MergeStrategy_MERGE_AGGREGATE_HANDLES
)

// kind is one sort of request.
type kind struct {
	name   string
	weight int
	send   func(l *load, ctx context.Context) error
	may    []codes.Code // it may be answered with
}

// The weights are a hundred in all.
var kinds = []kind{
	{"create", 15, (*load).create, []codes.Code{codes.OK}},
	{"add", 22, (*load).add, []codes.Code{codes.OK}},
	{"commute", 6, (*load).commute, []codes.Code{codes.OK, codes.FailedPrecondition}},
	{"stale", 4, (*load).stale, []codes.Code{codes.FailedPrecondition}},
	{"manual", 2, (*load).manual, []codes.Code{codes.Aborted}},
	{"reject", 4, (*load).reject, []codes.Code{codes.FailedPrecondition}},
	{"deferred", 4, (*load).deferred, []codes.Code{codes.OK}},
	{"fact", 5, (*load).fact, []codes.Code{codes.OK}},
	{"speculate", 4, (*load).speculate, []codes.Code{codes.OK}},
	{"branch", 4, (*load).branch, []codes.Code{codes.OK}},
	{"query", 7, (*load).query, []codes.Code{codes.OK}},
	{"past", 3, (*load).past, []codes.Code{codes.OK}},
	{"stream", 4, (*load).streamed, []codes.Code{codes.OK}},
	{"correlated", 3, (*load).correlated, []codes.Code{codes.OK}},
	{"subscribe", 3, (*load).subscribe, []codes.Code{codes.OK}},
	{"invalid", 3, (*load).invalid, []codes.Code{codes.InvalidArgument}},
	{"garbage", 2, (*load).garbage, []codes.Code{codes.InvalidArgument}},
	{"unknown", 1, (*load).unknown, []codes.Code{codes.NotFound}},
	{"flaky", 2, (*load).flaky, []codes.Code{codes.OK, codes.Unavailable, codes.DeadlineExceeded}},
	{"health", 1, (*load).health, []codes.Code{codes.OK}},
	{"vanish", 1, (*load).vanish, []codes.Code{codes.Canceled, codes.Unavailable, codes.DeadlineExceeded}},
}

// load is what is sent, and how it went.
type load struct {
	*engine.Engine
	clients      []*grpc.ClientConn
	turn         int64 // of the clients
	flakyAddress string
	rests        sync.RWMutex // held for reading by who sends
	sent         int64
	over         chan struct{}
	gone         sync.WaitGroup

	mutex  sync.Mutex // guards what follows
	counts map[string]int
	wrong  string
	shared []order
}

// order is one that many send to, and how often they have.
type order struct {
	root  []byte
	items int
}

func startLoad(e *engine.Engine, rate int) *load {
	l := &load{Engine: e, over: make(chan struct{}), counts: map[string]int{}, shared: make([]order, sharedCount)}
	for i := 0; i < connections; i++ {
		client, err := engine.Connect(e.Address)
		if err != nil {
			tap.Bail("no connection: %v", err)
		}
		l.clients = append(l.clients, client)
	}
	slow, err := peer.Listen("127.0.0.1:0", 100)
	if err != nil {
		tap.Bail("no peer: %v", err)
	}
	flaky, err := peer.Listen("127.0.0.2:0", 100)
	if err != nil {
		tap.Bail("no peer: %v", err)
	}
	l.flakyAddress = strings.TrimPrefix(flaky.Address, "grpc://")
	if err := l.Register(slow.Address, "slow"); err != nil {
		tap.Bail("could not register: %v", err)
	}
	if err := l.Register(flaky.Address, "flaky"); err != nil {
		tap.Bail("could not register: %v", err)
	}
	if !engine.WaitFor(10*time.Second, func() bool {
		return l.handle(context.Background(), "flaky", engine.NewRoot(), strict, 0, &orderv1.CreateOrder{}) == nil
	}) {
		tap.Bail("the engine does not serve what was registered")
	}
	l.gone.Add(1 + streams)
	go l.restart(flaky)
	tokens := l.pace(rate)
	for i := 0; i < streams; i++ {
		go l.stream(tokens)
	}
	return l
}

// pace gives each request its kind and its time.
func (l *load) pace(rate int) <-chan kind {
	var all []kind
	for _, k := range kinds {
		for i := 0; i < k.weight; i++ {
			all = append(all, k)
		}
	}
	tokens := make(chan kind)
	go func() {
		defer close(tokens)
		tick := time.NewTicker(time.Second / time.Duration(rate))
		defer tick.Stop()
		// 37 and 100 have no common divisor: all kinds, well mixed.
		for i := 0; ; i++ {
			select {
			case <-l.over:
				return
			case <-tick.C:
				tokens <- all[i*37%len(all)]
			}
		}
	}()
	return tokens
}

func (l *load) stream(tokens <-chan kind) {
	defer l.gone.Done()
	for k := range tokens {
		l.rests.RLock()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		err := k.send(l, ctx)
		cancel()
		l.rests.RUnlock()
		l.note(k, err)
	}
}

func (l *load) note(k kind, err error) {
	atomic.AddInt64(&l.sent, 1)
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.counts[k.name]++
	for _, code := range k.may {
		if status.Code(err) == code {
			return
		}
	}
	if l.wrong == "" {
		l.wrong = fmt.Sprintf("%s: %v", k.name, err)
	}
}

// restart ends the flaky business logic and starts it again, but not while
// the load rests.
func (l *load) restart(p *peer.Peer) {
	defer l.gone.Done()
	for {
		select {
		case <-l.over:
			p.Close()
			return
		case <-time.After(restartEach):
		}
		l.rests.RLock()
		p.Close()
		var err error
		if !engine.WaitFor(10*time.Second, func() bool {
			p, err = peer.Listen(l.flakyAddress, 100)
			return err == nil
		}) {
			tap.Bail("could not listen at %s again: %v", l.flakyAddress, err)
		}
		l.rests.RUnlock()
	}
}

func (l *load) rest() { l.rests.Lock() }
func (l *load) goOn() { l.rests.Unlock() }

func (l *load) stop() {
	close(l.over)
	l.gone.Wait()
}

func (l *load) count() int64 { return atomic.LoadInt64(&l.sent) }

func (l *load) failed() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.wrong
}

// missing names the kinds that were never sent.
func (l *load) missing() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	var names []string
	for _, k := range kinds {
		if l.counts[k.name] == 0 {
			names = append(names, k.name)
		}
	}
	return strings.Join(names, " ")
}

func (l *load) answers() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	var list []string
	for name, n := range l.counts {
		list = append(list, fmt.Sprintf("%s %d", name, n))
	}
	sort.Strings(list)
	return strings.Join(list, ", ")
}

// client is one of the connections, by turns.
func (l *load) client() *grpc.ClientConn {
	return l.clients[atomic.AddInt64(&l.turn, 1)%connections]
}

func (l *load) commands() angzarrv1.CommandHandlerCoordinatorServiceClient {
	return angzarrv1.NewCommandHandlerCoordinatorServiceClient(l.client())
}

func (l *load) queries() angzarrv1.EventQueryServiceClient {
	return angzarrv1.NewEventQueryServiceClient(l.client())
}

// ------------------------------------------------------- the kinds

func (l *load) handle(ctx context.Context, domain string, root []byte, merge angzarrv1.MergeStrategy, expected uint32,
	command proto.Message) error {
	packed, err := anypb.New(command)
	if err != nil {
		return err
	}
	_, err = l.commands().HandleCommand(ctx, engine.Request(domain, root, engine.Page(merge, expected, packed)))
	return err
}

func (l *load) create(ctx context.Context) error {
	return l.handle(ctx, "order", engine.NewRoot(), strict, 0, &orderv1.CreateOrder{CustomerId: "alice"})
}

// pick chooses a shared order; a new one takes the place of one that is long,
// once it is there.
func (l *load) pick(ctx context.Context, items int) ([]byte, error) {
	l.mutex.Lock()
	slot := &l.shared[l.counts["add"]%sharedCount]
	slot.items += items
	root, fresh := slot.root, slot.root == nil || slot.items >= itemsEach
	if fresh {
		slot.items = 0
	}
	l.mutex.Unlock()
	if !fresh {
		return root, nil
	}
	root = engine.NewRoot()
	if err := l.handle(ctx, "order", root, handles, 0, &orderv1.CreateOrder{CustomerId: "bob"}); err != nil {
		return nil, err
	}
	l.mutex.Lock()
	slot.root = root
	l.mutex.Unlock()
	return root, nil
}

func (l *load) add(ctx context.Context) error {
	root, err := l.pick(ctx, 1)
	if err != nil {
		return err
	}
	return l.handle(ctx, "order", root, handles, 0, &orderv1.AddItem{Sku: "tea", Quantity: 1, UnitPriceCents: 450})
}

func (l *load) stale(ctx context.Context) error {
	root, err := l.pick(ctx, 0)
	if err != nil {
		return err
	}
	return l.handle(ctx, "order", root, strict, 5000, &orderv1.AddItem{Sku: "tea", Quantity: 1})
}

// reject creates an order that is there.
func (l *load) reject(ctx context.Context) error {
	root, err := l.pick(ctx, 0)
	if err != nil {
		return err
	}
	return l.handle(ctx, "order", root, handles, 0, &orderv1.CreateOrder{CustomerId: "bob"})
}

func (l *load) query(ctx context.Context) error {
	root, err := l.pick(ctx, 0)
	if err != nil {
		return err
	}
	_, err = l.queries().GetEventBook(ctx, &angzarrv1.Query{Cover: engine.Cover("order", root)})
	return err
}

func (l *load) invalid(ctx context.Context) error {
	return l.handle(ctx, "Not A Domain", engine.NewRoot(), strict, 0, &orderv1.CreateOrder{})
}

func (l *load) unknown(ctx context.Context) error {
	return l.handle(ctx, "nobody", engine.NewRoot(), strict, 0, &orderv1.CreateOrder{})
}

// raw sends bytes as they are.
type raw struct{}

func (raw) Marshal(any) ([]byte, error) { return []byte("\xff\xff\xff\xff no message"), nil }
func (raw) Unmarshal([]byte, any) error { return nil }
func (raw) Name() string                { return "proto" }

func (l *load) garbage(ctx context.Context) error {
	return l.Invoke(ctx, "/io.angzarr.v1.CommandHandlerCoordinatorService/HandleCommand",
		nil, nil, grpc.ForceCodec(raw{}))
}

func (l *load) flaky(ctx context.Context) error {
	return l.handle(ctx, "flaky", engine.NewRoot(), strict, 0, &orderv1.CreateOrder{})
}

func (l *load) health(ctx context.Context) error {
	_, err := healthv1.NewHealthClient(l.ClientConn).Check(ctx, &healthv1.HealthCheckRequest{})
	return err
}

// vanish closes its connection while business logic is still thinking.
func (l *load) vanish(ctx context.Context) error {
	connection, err := engine.Connect(l.Address)
	if err != nil {
		return err
	}
	time.AfterFunc(50*time.Millisecond, func() { connection.Close() })
	_, err = angzarrv1.NewCommandHandlerCoordinatorServiceClient(connection).HandleCommand(ctx,
		engine.Request("slow", engine.NewRoot(), engine.Page(strict, 0, &anypb.Any{TypeUrl: "/test.Do"})))
	return err
}
