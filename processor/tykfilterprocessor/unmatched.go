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

	mu      sync.Mutex // guards the rest
	since   time.Time
	records int64
}

// note looks at what was judged of a batch.
func (u *unmatched) note(t *tally, ld plog.Logs) {
	kept := t.judged[selection.KeptByAPIIDs] + t.judged[selection.KeptByOrgIDs]
	if u.over.Load() || t.judged[selection.Passes] == 0 && kept == 0 {
		return
	}
	if t.judged[selection.Passes] > 0 {
		u.over.Store(true)
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.records += kept
	if u.since.IsZero() {
		u.since = time.Now()
	}
	if time.Since(u.since) < unmatchedFor || u.over.Swap(true) {
		return
	}
	apis, orgs := namesIn(ld)
	u.logger.Warn("No record has passed api_ids and org_ids yet: is an id misspelt?",
		zap.Int64("records", u.records), zap.Strings("api_ids", u.config.APIIDs), zap.Strings("org_ids", u.config.OrgIDs),
		zap.Strings("apis_that_occur", apis), zap.Strings("organisations_that_occur", orgs))
}

// namesIn are the first APIs and organisations of a batch.
func namesIn(ld plog.Logs) (apis, orgs []string) {
	add := func(list []string, lr plog.LogRecord, key string) []string {
		value, ok := lr.Attributes().Get(key)
		if !ok || len(list) >= shownNames || slices.Contains(list, value.AsString()) {
			return list
		}
		return append(list, value.AsString())
	}
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				apis, orgs = add(apis, lr, analytics.AttrAPIID), add(orgs, lr, analytics.AttrOrgID)
			}
		}
	}
	return apis, orgs
}
