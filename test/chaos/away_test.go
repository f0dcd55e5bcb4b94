//go:build e2e || chaos

package chaos

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
)

const (
	// groupAway is registered before anything is pushed, and nobody ever works for it: all
	// that is pushed waits for it, and no other group may be kept waiting by that.
	groupAway = "away"
	// entriesPerSegment is how few entries the segments of a list may have on average,
	// apart from the newest ones.
	entriesPerSegment = 300
	// newSegments is how many segments a list may have in any case.
	newSegments = 50
)

// leaveAway registers groupAway.
func (w *world) leaveAway(ctx context.Context) error {
	return retry(ctx, "register group "+groupAway, func(ctx context.Context) error {
		_, _, err := w.books.store.Registry("analytics-").Heartbeat(ctx, claim.Member{Group: groupAway, Worker: "nobody", Lease: time.Second})
		return err
	})
}

// removeAway looks at what waits for groupAway, which is all that was pushed, in few segments,
// and removes the group, with which all of it must be given back.
func (w *world) removeAway(ctx context.Context) error {
	if !w.plan.away {
		return nil
	}
	reports, err := w.books.inspect(ctx)
	if err != nil {
		return err
	}
	pushed := w.journal.entries()
	var errs []error
	for _, report := range reports {
		kept := report.Unclaimed
		for _, segment := range report.Segments {
			kept += segment.Kept
		}
		if kept != pushed[report.Source] {
			errs = append(errs, fmt.Errorf("%s: %d of %d entries wait for group %s", report.Source, kept, pushed[report.Source], groupAway))
		}
		if most := newSegments + int(kept)/entriesPerSegment; len(report.Segments) > most {
			errs = append(errs, fmt.Errorf("%s: %d entries became %d segments, more than %d", report.Source, kept, len(report.Segments), most))
		}
	}
	away := &group{name: groupAway}
	errs = append(errs, w.books.forget(ctx, away), w.books.store.Registry("analytics-").Forget(ctx, groupAway))
	w.chronicle.inflicted("group away for the whole run")
	return errors.Join(errs...)
}
