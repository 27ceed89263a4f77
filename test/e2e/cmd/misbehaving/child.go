// The process that misbehaves, and the commands that go elsewhere meanwhile.

package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"angzarr.io/e2e/internal/engine"
	"angzarr.io/e2e/internal/tap"
	"angzarr.io/e2e/internal/wild"
)

const otherDomain = "obey"

// child is business logic in a process of its own.
type child struct {
	command *exec.Cmd
	mutex   sync.Mutex // guards the lines
	lines   []string
	over    chan struct{} // closed when it has said its last
}

// startChild starts one and waits until it listens.
func startChild(way, address string) *child {
	c := &child{command: exec.Command(os.Args[0], "-serve", way, "-listen", address), over: make(chan struct{})}
	out, err := c.command.StdoutPipe()
	if err == nil {
		err = c.command.Start()
	}
	if err != nil {
		tap.Bail("could not start business logic: %v", err)
	}
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			c.mutex.Lock()
			c.lines = append(c.lines, lines.Text())
			c.mutex.Unlock()
		}
		close(c.over)
	}()
	if !engine.WaitFor(10*time.Second, func() bool { return c.said("wild: ready on") > 0 }) {
		tap.Bail("business logic does not listen at %s", address)
	}
	return c
}

// said counts the lines that begin so.
func (c *child) said(beginning string) int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	n := 0
	for _, line := range c.lines {
		if strings.HasPrefix(line, beginning) {
			n++
		}
	}
	return n
}

// calls counts the calls that it got.
func (c *child) calls() int { return c.said(wild.Called) }

// end kills it, if it has not died by itself, and waits until it is gone.
func (c *child) end() {
	c.command.Process.Kill() //nolint:errcheck // it may have died
	<-c.over
	c.command.Wait() //nolint:errcheck // it was killed
}

// others are the commands to a healthy domain that go on all the while.
type others struct {
	mutex   sync.Mutex // guards what follows
	sent    int
	slowest time.Duration
	err     error
	leave   bool
	gone    sync.WaitGroup
}

// watchOthers sends one after the other until it is stopped.
func (s *suite) watchOthers() *others {
	o := &others{}
	o.gone.Add(1)
	go func() {
		defer o.gone.Done()
		for o.goesOn() {
			start := time.Now()
			_, err := s.send(otherDomain, engine.NewRoot(), 0)
			o.note(time.Since(start), err)
			time.Sleep(5 * time.Millisecond)
		}
	}()
	return o
}

func (o *others) goesOn() bool {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return !o.leave
}

func (o *others) note(took time.Duration, err error) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.sent++
	if took > o.slowest {
		o.slowest = took
	}
	if o.err == nil {
		o.err = err
	}
}

func (o *others) stop() {
	o.mutex.Lock()
	o.leave = true
	o.mutex.Unlock()
	o.gone.Wait()
}

func (o *others) count() int {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.sent
}

func (o *others) failed() error {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.err
}

func (o *others) longest() time.Duration {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.slowest
}

func (o *others) String() string { return fmt.Sprintf("%d commands went to another domain", o.count()) }
