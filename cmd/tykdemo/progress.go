package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// progress shows how far the records are: on a terminal as one line that changes,
// elsewhere as a line now and then.
type progress struct {
	out      io.Writer
	terminal bool
	start    time.Time
	last     time.Time
}

// linePeriod is the time between two lines where lines cannot change.
const linePeriod = 5 * time.Second

func newProgress(out io.Writer) *progress {
	return &progress{out: out, start: time.Now(), terminal: isTerminal(out) && os.Getenv("TERM") != "dumb"}
}

// show draws the state; expected is the number of records once all are pushed.
func (p *progress) show(pushed, stored, expected int64) {
	line := p.line(pushed, stored, expected)
	switch {
	case p.terminal:
		fmt.Fprintf(p.out, "\r%s\x1b[K", line)
	case time.Since(p.last) >= linePeriod:
		p.last = time.Now()
		fmt.Fprintln(p.out, line)
	}
}

// end leaves the last state as a line of its own.
func (p *progress) end(pushed, stored, expected int64) {
	if p.terminal {
		fmt.Fprint(p.out, "\r")
	}
	fmt.Fprint(p.out, p.line(pushed, stored, expected))
	if p.terminal {
		fmt.Fprint(p.out, "\x1b[K")
	}
	fmt.Fprintln(p.out)
}

func (p *progress) line(pushed, stored, expected int64) string {
	const width = 24
	full := 0
	if expected > 0 {
		full = int(min(width, stored*width/expected))
	}
	return fmt.Sprintf("%5.1fs  [%s%s]  pushed to Redis %s, in the store %s",
		time.Since(p.start).Seconds(), strings.Repeat("#", full), strings.Repeat(".", width-full), group(pushed), group(stored))
}
