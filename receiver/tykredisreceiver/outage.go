package tykredisreceiver

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"go.uber.org/zap"
)

// outage is a time in which Redis cannot be read. Gateways' lists expire meanwhile, which is said
// as long as it lasts.
type outage struct{ since, told time.Time }

// remindEvery is how often.
const remindEvery = time.Minute

// remind says once a minute what an outage of Redis costs.
func (h *health) remind(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	err := h.worst(claimingSide)
	switch {
	case err == nil:
		h.outage = outage{}
	case h.outage.since.IsZero():
		h.outage = outage{since: now, told: now} // note has just told it
	case now.Sub(h.outage.told) >= remindEvery:
		h.outage.told = now
		h.logger.Warn("Redis still cannot be read: lists that gateways began before expires_before and nobody claimed are gone; what was claimed stays",
			zap.Time("since", h.outage.since), zap.Time("expires_before", now.Add(-gatewayExpiry)), zap.Error(err))
	}
}

// away tells whether Redis cannot be read.
func (h *health) away() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.worst(claimingSide) != nil
}

// firstWords tells trouble, and what it costs.
func firstWords(of side) string {
	if of == claimingSide {
		return "Redis cannot be read, trying again: what gateways push expires there after 60 s; what was claimed stays"
	}
	return "Trouble; nothing is lost, trying again"
}

// longestCause is how much of an error is said, in bytes: some destinations join one for each record.
const longestCause = 2000

func brief(err error) error {
	text := err.Error()
	if len(text) <= longestCause {
		return err
	}
	return fmt.Errorf("%s ... (%d bytes)", strings.ToValidUTF8(text[:longestCause], ""), len(text))
}

// numbers are what makes two texts of one cause differ: ports of connections, times, places in a list.
var numbers = regexp.MustCompile(`\d+`)

// sameCause tells whether two errors differ in numbers only.
func sameCause(a, b string) bool {
	return numbers.ReplaceAllString(a, "#") == numbers.ReplaceAllString(b, "#")
}
