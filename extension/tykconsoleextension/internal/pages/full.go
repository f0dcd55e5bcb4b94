package pages

import (
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
	"github.com/otelcol-tyk/otelcol-tyk/internal/console/view"
)

const (
	// longEnough is how long a Redis must have been watched for its pace to say something.
	longEnough = 30 * time.Second
	// farOff is beyond which it does not matter when something is full.
	farOff = 3650
)

// fullText says when a Redis is full, at the pace at which it was seen to fill; empty where nothing tells.
func fullText(samples []memorySample, used, limit int64) string {
	if limit <= 0 || len(samples) < 2 {
		return ""
	}
	first, last := samples[0], samples[len(samples)-1]
	watched := last.at.Sub(first.at)
	grown := last.used - first.used
	switch {
	case used >= limit:
		return "It is full."
	case watched < longEnough:
		return ""
	case grown <= 0:
		return "Not growing in the last " + view.Age(watched) + "."
	}
	left := float64(limit-used) / float64(grown) * watched.Seconds()
	if left > farOff*day.Seconds() {
		return ""
	}
	return "Full in about " + view.Age(time.Duration(left)*time.Second) + " at the pace of the last " + view.Age(watched) + "."
}

// storeFull says when the store's disk is full, at the pace of the last day; why it is not known is said, too.
func storeFull(storage query.Storage, retention int, oldest, now time.Time) string {
	switch {
	case storage.Free < 0:
		return "not known here: the disk is the server’s"
	case storage.PerDay <= 0:
		return "not known: less than a day is stored"
	}
	days := float64(storage.Free) / float64(storage.PerDay)
	if retention > 0 && !oldest.IsZero() {
		// Tables grow until the oldest records are dropped, and stay as big then.
		if left := float64(retention) - now.Sub(oldest).Hours()/24; days > left {
			return "never at this pace, as records are dropped after " + view.Plural(int64(retention), "day", "days")
		}
	}
	if days > farOff {
		return "in more than 10 years at this pace"
	}
	if days >= 1 {
		return "in about " + view.Plural(int64(days), "day", "days") + " at the pace of the last day"
	}
	return "in about " + view.Age(time.Duration(days*float64(day))) + " at the pace of the last day"
}
