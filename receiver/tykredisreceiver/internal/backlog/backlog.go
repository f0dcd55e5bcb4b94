package backlog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unsafe"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/pace"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/source"
)

// boundEvery is how often Redis is asked how full it is. Where it is others that make it so
// full, what waits is measured again only after othersEvery, or once Redis has grown by a
// sixteenth of the bound.
const boundEvery, othersEvery = time.Second, 10 * time.Second

// Bound keeps what waits in Redis within a limit, by shedding what the configuration
// names, in its order and the oldest first. It is one goroutine's.
type Bound struct {
	cfg       Config
	store     *claim.Store
	sources   []*source.Source
	telemetry *metadata.TelemetryBuilder
	logger    *zap.Logger

	places   map[place]int64     // up to where the last rounds have got
	fine     map[string]measured // servers on which others take what is beyond, by a source there
	warned   bool                // of what Redis' settings endanger
	exceeded bool                // said already that nothing is left to shed
}

// New makes the bound of sources.
func New(cfg Config, store *claim.Store, sources []*source.Source, telemetry *metadata.TelemetryBuilder, logger *zap.Logger) *Bound {
	return &Bound{cfg: cfg, store: store, sources: sources, telemetry: telemetry, logger: logger, fine: map[string]measured{}}
}

// measured is when what waits was found to be within its bound, and what Redis used then.
type measured struct {
	at   time.Time
	used int64
}

// place is a segment, as far as a policy is concerned.
type place struct{ segment, policy string }

// target is a segment that something may be shed of.
type target struct {
	source *source.Source
	claim.Footprint
}

// Run works until ctx is done.
func (b *Bound) Run(ctx context.Context) {
	said := ""
	for ctx.Err() == nil {
		err := b.Keep(ctx)
		if err == nil {
			said = ""
		} else if ctx.Err() == nil && said != err.Error() {
			said = err.Error()
			b.logger.Warn("The backlog could not be kept within its bound; trying again", zap.Error(err))
		}
		if err == nil && !b.cfg.isBounded() {
			return // it is warned, and that is all
		}
		pace.Pause(ctx, boundEvery)
	}
}

// Keep looks once at each server, and sheds where that must be.
func (b *Bound) Keep(ctx context.Context) error {
	servers, err := b.store.ByServer(ctx, source.Plain(b.sources))
	if err != nil {
		return err
	}
	var errs []error
	for _, of := range servers {
		errs = append(errs, b.keepServer(ctx, of))
	}
	return errors.Join(errs...)
}

func (b *Bound) keepServer(ctx context.Context, of []*claim.Source) error {
	memory, err := b.store.Memory(ctx, of[0])
	if err != nil {
		return err
	}
	b.warn(memory)
	limit := b.limit(memory)
	fine, ok := b.fine[of[0].Key()]
	if limit == 0 || memory.Used <= limit || ok && time.Since(fine.at) < othersEvery && memory.Used < fine.used+limit/16 {
		return nil
	}
	goal := limit
	for i, policy := range b.cfg.Shed {
		// Measured again, since what the policy before has left takes less.
		targets, total, err := b.measure(ctx, of)
		if err != nil {
			return err
		}
		if total <= limit && i == 0 {
			b.fine[of[0].Key()] = measured{time.Now(), memory.Used}
		}
		if total <= goal {
			b.exceeded = false
			return ctx.Err()
		}
		round, cancel := context.WithTimeout(ctx, boundEvery)
		if i == len(b.cfg.Shed)-1 {
			round = ctx // there is no other that could be faster
		}
		freed := b.shed(round, targets, policy, total-goal)
		if round.Err() != nil && ctx.Err() == nil {
			goal = limit + limit/4 // it goes on in the next round, if there is time
		}
		cancel()
		if freed >= total-goal {
			b.exceeded = false
			return ctx.Err()
		}
	}
	if !b.exceeded && ctx.Err() == nil {
		b.exceeded = true
		b.logger.Error("The backlog is beyond its bound, and nothing is left to shed: records go on waiting in Redis",
			zap.Int64("bytes_used", memory.Used), zap.Int64("limit", limit))
	}
	return ctx.Err()
}

// warn says once what of a server's settings endangers what lies in it.
func (b *Bound) warn(m claim.Memory) {
	if b.warned {
		return
	}
	b.warned = true
	if m.Max == 0 && b.cfg.MaxBytes == 0 {
		b.logger.Warn("Nothing bounds the backlog: Redis has no maxmemory",
			zap.String("remedy", "set maxmemory in Redis, or backlog::max_bytes"))
	}
	if strings.HasPrefix(m.Policy, "allkeys-") {
		b.logger.Warn("Redis may delete claimed records when it is full",
			zap.String("maxmemory_policy", m.Policy), zap.String("remedy", "set maxmemory-policy to noeviction or to one of volatile-*"))
	}
}

// limit is the smaller of the configured bounds, in bytes; 0 is none.
func (b *Bound) limit(m claim.Memory) int64 {
	limit := b.cfg.MaxBytes
	if share := int64(b.cfg.MaxMemoryShare * float64(m.Max)); share > 0 && (limit == 0 || share < limit) {
		limit = share
	}
	return limit
}

// measure finds what waits on a server, oldest first, and how much it and the dead
// letters take.
func (b *Bound) measure(ctx context.Context, of []*claim.Source) (targets []target, total int64, err error) {
	places := map[place]int64{}
	for _, src := range b.sources {
		if !slices.Contains(of, src.Source) {
			continue
		}
		footprints, err := b.store.Footprints(ctx, src.Source)
		if err != nil {
			return nil, 0, err
		}
		for _, f := range footprints {
			total += f.Bytes
			targets = append(targets, target{src, f})
			for _, policy := range b.cfg.Shed {
				if at, ok := b.places[place{f.ID, policy}]; ok {
					places[place{f.ID, policy}] = at
				}
			}
		}
		if !src.Replay { // which shares them with its source
			dead, err := b.store.DeadBytes(ctx, src.Source)
			if err != nil {
				return nil, 0, err
			}
			total += dead
		}
	}
	b.places = places
	slices.SortStableFunc(targets, func(a, b target) int { return int(a.Seq - b.Seq) })
	return targets, total, nil
}

// shed applies a policy until so many bytes are freed, and returns how many were. A
// segment that cannot be worked on does not keep the others from it.
func (b *Bound) shed(ctx context.Context, targets []target, policy string, wanted int64) (freed int64) {
	entries := int64(0)
	for i := range targets {
		if freed >= wanted || ctx.Err() != nil {
			break
		}
		work := b.lighten
		if policy == Oldest {
			work = b.cut
		}
		n, bytes, err := work(ctx, targets[i], policy, wanted-freed)
		entries += n
		freed += bytes
		if err != nil && !claim.IsGone(err) && ctx.Err() == nil {
			b.logger.Warn("Nothing could be shed of a segment; going on with the others", zap.String("segment", targets[i].Key()), zap.Error(err))
		}
	}
	if entries > 0 {
		b.telemetry.TykredisShed.Add(ctx, entries, metric.WithAttributes(attribute.String("policy", policy)))
		b.logger.Warn("The backlog's bound made records be shed",
			zap.String("policy", policy), zap.Int64("entries", entries), zap.Int64("bytes", freed))
	}
	return freed
}

// cut sheds the oldest entries of a segment.
func (b *Bound) cut(ctx context.Context, t target, _ string, wanted int64) (entries, freed int64, err error) {
	for at := t.Count - t.Kept; at < t.Count && freed < wanted && ctx.Err() == nil; {
		reached, n, bytes, err := b.store.Shed(ctx, t.Segment, t.Count, wanted-freed)
		if err != nil {
			return entries, freed, err
		}
		at, entries, freed = reached, entries+n, freed+bytes
	}
	return entries, freed, nil
}

// lighten goes on with a policy where it has got to in a segment.
func (b *Bound) lighten(ctx context.Context, t target, policy string, wanted int64) (entries, freed int64, err error) {
	if t.source.Replay || t.source.Form == source.MsgpackUptime {
		return 0, 0, nil
	}
	const page, pageBytes = 500, 1 << 20
	where := place{t.ID, policy}
	at := max(b.places[where], t.Count-t.Kept)
	var ahead claim.Ahead
	for at < t.Count && freed < wanted {
		old, err := b.store.Read(ctx, t.Segment, &ahead, at, page, pageBytes)
		if err != nil {
			return entries, freed, err
		}
		lighter := make([]string, len(old))
		for i, entry := range old {
			if smaller := lighten(t.source.Form, policy, entry); smaller != entry {
				lighter[i] = smaller
			}
		}
		n, err := b.store.Replace(ctx, t.Segment, at, lighter)
		if err == nil && n == 0 {
			err = fmt.Errorf("%s has become shorter than it was", t.Key())
		}
		if err != nil {
			return entries, freed, err
		}
		for i := range lighter[:n] {
			if lighter[i] != "" {
				entries++
				freed += int64(len(old[i]) - len(lighter[i]))
			}
		}
		at += n
		b.places[where] = at
	}
	return entries, freed, nil
}

// lighten applies a policy to one entry. What does not decode stays as it is: it
// will be a dead letter.
func lighten(f source.Form, policy, entry string) string {
	if entry == claim.ShedEntry {
		return entry
	}
	r, err := (&source.Decoder{Form: f}).Request(unsafe.Slice(unsafe.StringData(entry), len(entry)))
	if err != nil {
		return entry
	}
	switch {
	case policy == Successes && r.ResponseCode >= 200 && r.ResponseCode <= 299:
		return claim.ShedEntry
	case policy == Bodies && (r.RawRequest != "" || r.RawResponse != ""):
		r.RawRequest, r.RawResponse = "", ""
		if f == source.ProtobufRequest {
			return string(analytics.AppendProtobuf(nil, r))
		}
		return string(analytics.AppendMsgpack(nil, r))
	}
	return entry
}
