// Package foreign finds claimed entries that nobody would ever miss.
package foreign

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/source"
)

const (
	// searchPause is between the steps of a search through all keys.
	searchPause = 5 * time.Millisecond
	// foreignEvery is how often it is looked at what waits for others.
	foreignEvery = time.Minute
	// silentLeases is after how many leases without a heartbeat nobody works for a group.
	silentLeases = 10
)

// Place is a group that nobody works for, and the list where something waits for it.
type Place struct{ Group, Source string }

// Finder looks for claimed entries that nobody would ever miss: segment lists that no
// segment names, and what waits for groups, or in lists, that no configuration names
// any more.
type Finder struct {
	store     *claim.Store
	sources   []*source.Source
	settings  claim.Settings
	telemetry *metadata.TelemetryBuilder
	logger    *zap.Logger
	// again has a value when Redis may have lost some of its keys.
	again chan struct{}

	foreign []*claim.Source // of lists that this receiver does not read
	found   atomic.Pointer[map[Place]int64]
	said    map[Place]bool
}

// New finds what is not in the sources of a receiver, or not named in them.
func New(store *claim.Store, sources []*source.Source, settings claim.Settings, telemetry *metadata.TelemetryBuilder, logger *zap.Logger) *Finder {
	return &Finder{
		store: store, sources: sources, settings: settings, telemetry: telemetry, logger: logger,
		again: make(chan struct{}, 1), said: map[Place]bool{},
	}
}

// Found is how much waits where nobody comes for it.
func (f *Finder) Found() map[Place]int64 {
	if found := f.found.Load(); found != nil {
		return *found
	}
	return nil
}

// Search has the keys searched once more.
func (f *Finder) Search() {
	select {
	case f.again <- struct{}{}:
	default:
	}
}

// Run works until ctx is done.
func (f *Finder) Run(ctx context.Context) {
	for wanted := true; ctx.Err() == nil; {
		var err error
		if wanted {
			err = f.adopt(ctx)
			wanted = err != nil
		}
		if err == nil {
			err = f.look(ctx)
		}
		again := f.again
		if err != nil && ctx.Err() == nil {
			f.logger.Debug("Redis could not be searched for what nobody reads; trying again", zap.Error(err))
			again = nil // in time
		}
		timer := time.NewTimer(foreignEvery)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-again:
			wanted = true
		}
		timer.Stop()
	}
}

// adopt searches all keys, and takes segment lists back that no segment names.
func (f *Finder) adopt(ctx context.Context) error {
	claimed, err := f.store.Find(ctx, searchPause)
	if err != nil {
		return err
	}
	for _, src := range f.sources {
		delete(claimed.Lists, src.Key())
		if err := f.restore(ctx, src); err != nil {
			return err
		}
		entries, renamed, err := f.store.Adopt(ctx, src.Source, claimed)
		if entries > 0 {
			f.telemetry.TykredisEntriesAdopted.Add(ctx, entries)
			f.logger.Error("Redis had lost which entries were claimed; they are delivered all the same: are keys evicted, or was only a part restored?",
				zap.String("source", src.Key()), zap.Int64("entries", entries), zap.Int64("maybe_delivered_before", renamed))
		}
		if err != nil {
			return err
		}
	}
	f.foreign = nil
	for key := range claimed.Lists {
		f.foreign = append(f.foreign, claim.NewSource(key, f.settings))
	}
	return nil
}

// restore takes dead letters back into the order of which Redis has lost them.
func (f *Finder) restore(ctx context.Context, src *source.Source) error {
	if src.Replay { // which shares them with its source
		return nil
	}
	letters, err := f.store.RestoreLetters(ctx, src.Source)
	if letters > 0 {
		f.logger.Warn("Redis had lost the order of dead letters; they are listed again: are keys evicted, or was only a part restored?",
			zap.String("source", src.Key()), zap.Int64("letters", letters))
	}
	return err
}

// look counts what waits where nobody comes for it.
func (f *Finder) look(ctx context.Context) error {
	all := append([]*claim.Source{}, f.foreign...)
	for _, src := range f.sources {
		if !src.Replay {
			all = append(all, src.Source)
		}
	}
	found := map[Place]int64{}
	var errs []error
	for _, src := range all {
		report, err := f.store.Groups(ctx, src)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, g := range report.Groups {
			if g.Waiting == 0 || report.At.Sub(g.Seen) < silentLeases*f.settings.Lease {
				continue
			}
			at := Place{g.Name, src.Key()}
			found[at] = g.Waiting
			if !f.said[at] {
				f.said[at] = true
				f.logger.Warn("Records wait in Redis for a group that no collector works for: start one, or remove the group with "+remove(src.Key(), g.Name),
					zap.String("group", g.Name), zap.String("source", src.Key()), zap.Int64("entries", g.Waiting), zap.Time("last_seen", g.Seen))
			}
		}
	}
	f.found.Store(&found)
	return errors.Join(errs...)
}

// remove is the command that removes a group which reads a list, whatever the list's prefix is.
func remove(list, group string) string {
	prefix, _, found := strings.Cut(list, analytics.RequestLists("")[0].Key)
	if !found || prefix == source.KeyPrefix {
		return "tykctl groups remove " + group
	}
	return "tykctl groups remove -key-prefix " + prefix + " " + group
}
