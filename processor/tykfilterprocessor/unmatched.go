package tykfilterprocessor

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/selection"
)

const (
	// unmatchedFor is for how long nothing may pass the allow lists before that is said.
	unmatchedFor = time.Minute
	// shownNames bounds what is said of the names that do occur.
	shownNames = 10
)

// unmatched finds allow lists that name what never occurs: with a misspelt id nothing ever passes,
// and nothing else says so.
type unmatched struct {
	config *Config
	logger *zap.Logger
	over   atomic.Bool // something has passed, or it was said

	mu         sync.Mutex // guards the rest
	since      time.Time
	kept       [selection.Verdicts]int64
	apis, orgs []string // the first that occur
}

// note looks at what was judged of a batch.
func (u *unmatched) note(t *tally, ld plog.Logs) {
	if u.over.Load() || t.judged == [selection.Verdicts]int64{} {
		return
	}
	if t.judged[selection.Passes] > 0 {
		u.over.Store(true)
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for v, n := range t.judged {
		u.kept[v] += n
	}
	if t.judged[selection.KeptByAPIIDs]+t.judged[selection.KeptByOrgIDs] > 0 {
		u.addNames(ld)
	}
	byID := u.kept[selection.KeptByAPIIDs] + u.kept[selection.KeptByOrgIDs]
	if u.since.IsZero() && byID > 0 {
		u.since = time.Now()
	}
	if byID == 0 || time.Since(u.since) < unmatchedFor || u.over.Swap(true) {
		return
	}
	text, records, keptBy := "No record has passed api_ids and org_ids yet: is an id misspelt?", int64(0), map[string]int64{}
	for v, n := range u.kept {
		if records += n; n > 0 {
			keptBy[reasonNames[v]] = n
		}
	}
	if records > byID {
		text = "No record has passed yet: kept_by tells how many each list keeps back; is an id misspelt?"
	}
	u.logger.Warn(text, zap.Int64("records", records), zap.Any("kept_by", keptBy),
		zap.Strings("api_ids", u.config.APIIDs), zap.Strings("org_ids", u.config.OrgIDs),
		zap.Strings("apis_that_occur", u.apis), zap.Strings("organisations_that_occur", u.orgs))
}

// addNames adds the APIs and organisations of a batch to those that occur.
func (u *unmatched) addNames(ld plog.Logs) {
	add := func(names []string, lr plog.LogRecord, key string) []string {
		value, ok := lr.Attributes().Get(key)
		if !ok || len(names) >= shownNames || slices.Contains(names, value.AsString()) {
			return names
		}
		return append(names, value.AsString())
	}
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				u.apis, u.orgs = add(u.apis, lr, analytics.AttrAPIID), add(u.orgs, lr, analytics.AttrOrgID)
			}
		}
	}
}
