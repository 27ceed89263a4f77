package engine

import (
	"bufio"
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// Session is one session of psql that stays open, for transactions that do.
type Session struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Scanner
}

const sessionMark = "--done--"

// Session begins one.
func (e *Engine) Session() (*Session, error) {
	command := exec.Command(e.Psql, "-XAtq", "-v", "ON_ERROR_STOP=1")
	in, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	command.Stderr = command.Stdout
	if err := command.Start(); err != nil {
		return nil, err
	}
	return &Session{command, in, bufio.NewScanner(out)}, nil
}

// Do runs statements and returns what psql prints.
func (s *Session) Do(format string, args ...any) (string, error) {
	if _, err := fmt.Fprintf(s.in, format+"\n\\echo "+sessionMark+"\n", args...); err != nil {
		return "", err
	}
	var lines []string
	for s.out.Scan() {
		if s.out.Text() == sessionMark {
			return strings.Join(lines, "\n"), nil
		}
		lines = append(lines, s.out.Text())
	}
	return "", fmt.Errorf("psql ended: %s", strings.Join(lines, "\n"))
}

// Close ends the session; an open transaction is rolled back.
func (s *Session) Close() error {
	if err := s.in.Close(); err != nil {
		return err
	}
	return s.command.Wait()
}
