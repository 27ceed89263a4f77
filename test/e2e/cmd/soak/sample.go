// What the engine's processes take, as Linux tells it.

package main

import (
	"fmt"
	"os"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"

	"angzarr.io/e2e/internal/tap"
)

// sample is all engines of the database together.
type sample struct {
	at          time.Duration // since the beginning
	answers     int64
	resident    int64 // kB, with what they have touched of the server's shared memory
	own         int64 // kB without that
	descriptors int   // but for the server's data files
	files       int   // of the server's data, kept open by its cache
	pids        string
}

func (s sample) String() string {
	return fmt.Sprintf("%.1f MB resident, %.1f MB without shared memory, %d descriptors, %d data files",
		megabytes(s.resident), megabytes(s.own), s.descriptors, s.files)
}

func megabytes(kilobytes int64) float64 { return float64(kilobytes) / 1024 }

// take looks at the engines that run now.
func (r *run) take(began time.Time) sample {
	pids, err := r.SQL("SELECT pid FROM angzarr.workers WHERE database = current_database() AND state = 'running' ORDER BY pid")
	if err != nil || pids == "" {
		tap.Bail("there is no engine: %v", err)
	}
	s := sample{at: time.Since(began), answers: r.load.count(), pids: strings.ReplaceAll(pids, "\n", " ")}
	for _, pid := range strings.Fields(pids) {
		status, err := os.ReadFile("/proc/" + pid + "/status")
		if err != nil {
			tap.Bail("an engine has gone: %v", err)
		}
		s.resident += kilobytes(string(status), "VmRSS")
		s.own += kilobytes(string(status), "VmRSS") - kilobytes(string(status), "RssShmem")
		for _, target := range descriptorsOf(pid) {
			if strings.HasPrefix(target, r.data) {
				s.files++
			} else {
				s.descriptors++
			}
		}
	}
	return s
}

func kilobytes(status, name string) int64 {
	found := regexp.MustCompile(name + `:\s+(\d+) kB`).FindStringSubmatch(status)
	if found == nil {
		tap.Bail("/proc tells no %s", name)
	}
	n, err := strconv.ParseInt(found[1], 10, 64)
	if err != nil {
		tap.Bail("/proc tells no %s: %v", name, err)
	}
	return n
}

// descriptorsOf tells what a process has open.
func descriptorsOf(pid string) []string {
	open, err := os.ReadDir("/proc/" + pid + "/fd")
	if err != nil {
		tap.Bail("could not look at descriptors: %v", err)
	}
	var targets []string
	for _, one := range open {
		// What was closed since is none.
		if target, err := os.Readlink("/proc/" + pid + "/fd/" + one.Name()); err == nil {
			targets = append(targets, target)
		}
	}
	return targets
}

// descriptors counts them by what they are, for the reader of a failure.
func (r *run) descriptors() string {
	counts := map[string]int{}
	pids, err := r.SQL("SELECT pid FROM angzarr.workers WHERE database = current_database()")
	if err != nil {
		return err.Error()
	}
	for _, pid := range strings.Fields(pids) {
		for _, target := range descriptorsOf(pid) {
			counts[regexp.MustCompile(`\[\d+\]`).ReplaceAllString(target, "")]++
		}
	}
	var lines []string
	for target, n := range counts {
		if !strings.HasPrefix(target, r.data) {
			lines = append(lines, fmt.Sprintf("%d %s", n, target))
		}
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}
