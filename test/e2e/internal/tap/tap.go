// Package tap prints test results as TAP: one line each, whose name is a
// sentence that must be true.
package tap

import (
	"fmt"
	"os"
	"strings"
	"sync"
)

var (
	mutex  sync.Mutex
	ran    int
	failed int
)

// OK reports one test; what is given after the name explains a failure.
func OK(good bool, name string, why ...any) bool {
	mutex.Lock()
	defer mutex.Unlock()
	ran++
	verdict := "ok"
	if !good {
		verdict = "not ok"
		failed++
	}
	fmt.Printf("%s %d - %s\n", verdict, ran, strings.ReplaceAll(name, "#", ""))
	if !good {
		for _, line := range why {
			note(fmt.Sprint(line))
		}
	}
	return good
}

// Is reports whether two values are the same.
func Is[T comparable](got, want T, name string, why ...any) bool {
	return OK(got == want, name,
		append([]any{fmt.Sprintf("got  %v", got), fmt.Sprintf("want %v", want)}, why...)...)
}

// Note prints a remark.
func Note(format string, args ...any) {
	mutex.Lock()
	defer mutex.Unlock()
	note(fmt.Sprintf(format, args...))
}

func note(text string) {
	for _, line := range strings.Split(text, "\n") {
		fmt.Println("# " + line)
	}
}

// Bail ends everything: what follows would mean nothing.
func Bail(format string, args ...any) {
	OK(false, "the test can go on", fmt.Sprintf(format, args...))
	Done()
}

// Done prints the plan and ends the program, with 1 when a test failed.
func Done() {
	mutex.Lock()
	defer mutex.Unlock()
	fmt.Printf("1..%d\n", ran)
	if failed > 0 || ran == 0 {
		os.Exit(1)
	}
	os.Exit(0)
}
