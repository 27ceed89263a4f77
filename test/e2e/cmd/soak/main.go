// Command soak keeps an engine under mixed load for as long as one likes, and
// looks at what it takes: memory, descriptors, processes.
//
//	soak -server 127.0.0.1:1310 -psql /path/to/psql -minutes 30
//
// The domain "order" has to be registered; "flaky" and "slow" are registered
// here, for business logic that is restarted now and then and for one that
// takes its time.  Memory at the end is compared with that of minute 5, or of
// the end of the first third.  Both times the load rests until the number of
// descriptors stands still.  Data files that the server's cache keeps open are
// shown and not compared.  Prints a line a minute, then TAP.
package main

import (
	"flag"
	"fmt"
	"strings"
	"time"

	"angzarr.io/e2e/internal/engine"
	"angzarr.io/e2e/internal/tap"
)

const (
	sampleEach = 10 * time.Second
	// mayGrow is by how much memory at the end may differ, in percent.
	mayGrow = 5
)

// run is the whole of it.
type run struct {
	*engine.Engine
	*load
	data     string // the server's data directory
	minutes  int
	baseline int // the minute to compare with
	shown    sample
}

func main() {
	r := &run{}
	server := flag.String("server", "127.0.0.1:1310", "`host:port` of the engine")
	psql := flag.String("psql", "psql", "the psql to run")
	rate := flag.Int("rate", 400, "requests per second")
	flag.IntVar(&r.minutes, "minutes", 30, "how long")
	flag.Parse()
	if r.minutes < 1 || *rate < 1 || *rate > 100000 {
		tap.Bail("-minutes and -rate are numbers from 1 on, -rate at most 100000")
	}

	var err error
	if r.Engine, err = engine.Dial(*server, *psql); err != nil {
		tap.Bail("no engine at %s: %v", *server, err)
	}
	if r.data, err = r.SQL("SELECT current_setting('data_directory') || '/'"); err != nil {
		tap.Bail("no database: %v", err)
	}
	r.baseline = 5
	if r.minutes < 15 {
		r.baseline = (r.minutes + 2) / 3
	}
	r.load = startLoad(r.Engine, *rate)
	processes := r.processes()
	began := time.Now()
	r.watch(began, time.Duration(r.baseline)*time.Minute)
	first := r.quiet(began)
	r.watch(began, time.Duration(r.minutes)*time.Minute)
	last := r.quiet(began)
	r.load.stop()
	tap.Note("answers by kind: %s", r.load.answers())
	r.judge(first, last, processes)
}

// watch takes samples until so long after the beginning.
func (r *run) watch(began time.Time, until time.Duration) {
	for time.Since(began) < until {
		rest := until - time.Since(began)
		if rest > sampleEach {
			rest = sampleEach
		}
		time.Sleep(rest)
		r.show(r.take(began))
	}
}

// quiet lets the load rest until descriptors have stood still for three
// seconds, or half a minute, and takes a sample then.
func (r *run) quiet(began time.Time) sample {
	r.load.rest()
	defer r.load.goOn()
	last, since := r.take(began), time.Now()
	engine.WaitFor(30*time.Second, func() bool {
		now := r.take(began)
		if now.descriptors != last.descriptors {
			since = time.Now()
		}
		last = now
		time.Sleep(200 * time.Millisecond)
		return time.Since(since) > 3*time.Second
	})
	tap.Note("at rest after %.1f minutes: %s", last.at.Minutes(), last)
	return last
}

// show prints a sample when it is the first of its minute.
func (r *run) show(s sample) {
	minute := int(s.at.Minutes())
	if minute <= int(r.shown.at.Minutes()) {
		return
	}
	if r.shown.at == 0 {
		tap.Note("minute  requests/s  resident MB  without shared  descriptors  engines")
	}
	rate := float64(s.answers-r.shown.answers) / (s.at - r.shown.at).Seconds()
	tap.Note("%6d  %10.0f  %11.1f  %15.1f  %11d  %s", minute, rate,
		megabytes(s.resident), megabytes(s.own), s.descriptors, s.pids)
	r.shown = s
}

// percent is by how much something grew.
func percent(from, to int64) float64 { return 100 * float64(to-from) / float64(from) }

func (r *run) judge(first, last sample, processes string) {
	growth := percent(first.resident, last.resident)
	tap.OK(growth <= mayGrow && growth >= -mayGrow,
		fmt.Sprintf("resident memory is at the end within %d %% of that at minute %d", mayGrow, r.baseline),
		fmt.Sprintf("%.1f %%: %s, then %s", growth, first, last))
	own := percent(first.own, last.own)
	tap.OK(own <= mayGrow && own >= -mayGrow,
		fmt.Sprintf("and so is what of it is not the server's shared memory, within %d %%", mayGrow),
		fmt.Sprintf("%.1f %%: %s, then %s", own, first, last))
	tap.OK(last.descriptors == first.descriptors,
		fmt.Sprintf("at rest there are as many descriptors at the end as at minute %d", r.baseline),
		first, last, r.descriptors())
	tap.Is(r.processes(), processes, "no process of the server was restarted")
	tap.OK(r.load.failed() == "", "every request got an answer that it may get", r.load.failed())
	faults, err := r.SQL("SELECT * FROM angzarr.verify()")
	tap.OK(err == nil && faults == "", "verify() finds nothing wrong", faults, err)
	tap.OK(r.load.missing() == "", "every kind of request was sent", r.load.missing())
	tap.Note("resident %+.1f %%, without shared memory %+.1f %%, descriptors %+d", growth, own, last.descriptors-first.descriptors)
	tap.Done()
}

// processes names those of the server that stay.
func (r *run) processes() string {
	text, err := r.SQL("SELECT string_agg(backend_type || ' ' || pid, ', ' ORDER BY pid) FROM pg_stat_activity" +
		" WHERE backend_type NOT IN ('client backend', 'autovacuum worker', 'parallel worker')")
	if err != nil {
		tap.Bail("could not look at the server's processes: %v", err)
	}
	return strings.TrimSpace(text)
}
