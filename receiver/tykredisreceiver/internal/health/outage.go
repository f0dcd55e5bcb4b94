package health

import (
	"errors"
	"regexp"
	"time"

	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/logging"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/source"
)

// outage is a time of trouble, which is said again as long as it lasts: gateways' lists expire
// while Redis cannot be read.
type outage struct{ since, told time.Time }

// remindEvery is how often.
const remindEvery = time.Minute

// remind says once a minute which trouble lasts, the first of several, and what an outage of Redis costs.
func (h *Health) remind(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for of := Claiming; of <= Metrics; of++ {
		err := h.worst(of)
		if err == nil {
			continue
		}
		lasting := h.outages[of]
		if now.Sub(lasting.told) < remindEvery {
			return
		}
		h.outages[of] = outage{lasting.since, now}
		fields := []zap.Field{zap.Time("since", lasting.since), zap.Error(err)}
		if of == Claiming {
			fields = append(fields, zap.Time("expires_before", now.Add(-source.Expiry)))
		}
		h.logger.Warn(stillWords(of), fields...)
		return
	}
}

// firstWords tells trouble, and what it costs.
func firstWords(of Side) string {
	if of == Claiming {
		return "Redis cannot be read, trying again: what gateways push expires there after 60 s; what was claimed stays"
	}
	return "Trouble; nothing is lost, trying again"
}

// stillWords tells trouble that lasts.
func stillWords(of Side) string {
	if of == Claiming {
		return "Redis still cannot be read: lists that gateways began before expires_before and nobody claimed are gone; what was claimed stays"
	}
	return "Still in trouble; nothing is lost, trying again"
}

// Brief cuts errors that are long: some destinations join one for each record.
func Brief(err error) error {
	if said := logging.Brief(err.Error()); said != err.Error() {
		return errors.New(said)
	}
	return err
}

// numbers are what makes two texts of one cause differ: ports of connections, times, places in a list.
var numbers = regexp.MustCompile(`\d+`)

// sameCause tells whether two errors differ in numbers only.
func sameCause(a, b string) bool {
	return numbers.ReplaceAllString(a, "#") == numbers.ReplaceAllString(b, "#")
}
