package tykredisreceiver

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unsafe"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/metadata"
)

// boundEvery is how often the backlog is measured where it has a bound.
const boundEvery = 5 * time.Second

// What may give way to keep the backlog within its bound.
const (
	giveUpBodies    = "bodies"    // the recorded requests and responses
	giveUpSuccesses = "successes" // records with a status from 200 to 299
)

// bound keeps what claimed segments take of Redis' memory within a limit, by
// giving up the parts that the configuration names, oldest segments first. It is
// one goroutine's.
type bound struct {
	cfg       BacklogConfig
	store     *claim.Store
	sources   []*source
	telemetry *metadata.TelemetryBuilder
	logger    *zap.Logger

	exceeded bool // said already that nothing is left to give up
}

// run works until ctx is done.
func (b *bound) run(ctx context.Context) {
	for ctx.Err() == nil {
		if err := b.keep(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, claim.ErrBusy) {
			b.logger.Warn("The backlog could not be kept within its bound; trying again", zap.Error(err))
		}
		pause(ctx, boundEvery)
	}
}

// target is a segment that may give something up.
type target struct {
	source *source
	claim.Footprint
}

// keep measures the backlog once and acts if it must. It ends with claim.ErrBusy
// where a peer acts too: what was measured no longer holds then, and going on by it
// would give up more than the bound asks for.
func (b *bound) keep(ctx context.Context) error {
	limit, err := b.limit(ctx)
	if err != nil || limit == 0 {
		return err
	}
	var targets []target
	total := int64(0)
	for _, src := range b.sources {
		footprints, err := b.store.Footprints(ctx, src.Source)
		if err != nil {
			return err
		}
		for _, f := range footprints {
			total += f.Bytes
			if !src.replay && src.form != msgpackUptime {
				targets = append(targets, target{src, f})
			}
		}
	}
	if total <= limit {
		b.exceeded = false
		return nil
	}
	for level, policy := range b.cfg.GiveUp {
		for i := range targets {
			if targets[i].Mark > level {
				continue
			}
			freed, err := b.giveUp(ctx, targets[i], policy, level+1)
			if err != nil {
				return err
			}
			targets[i].Mark = level + 1
			if total -= freed; total <= limit {
				return nil
			}
		}
	}
	if !b.exceeded {
		b.exceeded = true
		b.logger.Error("The backlog is beyond its bound, and nothing is left to give up: records go on waiting in Redis",
			zap.Int64("bytes", total), zap.Int64("limit", limit))
	}
	return nil
}

// limit is the smaller of the configured bounds, in bytes; 0 is none.
func (b *bound) limit(ctx context.Context) (int64, error) {
	limit := b.cfg.MaxBytes
	if b.cfg.MaxMemoryShare == 0 {
		return limit, nil
	}
	memory, err := b.store.MaxMemory(ctx)
	if err != nil {
		return 0, fmt.Errorf("backlog::max_memory_share: %w", err)
	}
	if share := int64(b.cfg.MaxMemoryShare * float64(memory)); share > 0 && (limit == 0 || share < limit) {
		limit = share
	}
	return limit, nil
}

// giveUp applies a policy to one segment and returns the bytes that it freed.
func (b *bound) giveUp(ctx context.Context, t target, policy string, mark int) (int64, error) {
	changed, freed := int64(0), int64(0)
	err := b.store.Rewrite(ctx, t.Footprint, mark, func(entry string) string {
		smaller := lighten(t.source.form, policy, entry)
		if smaller != entry {
			changed++
			freed += int64(len(entry) - len(smaller))
		}
		return smaller
	})
	if err != nil || changed == 0 {
		return 0, err
	}
	b.telemetry.TykredisGaveWay.Add(ctx, changed, metric.WithAttributes(attribute.String("policy", policy)))
	b.logger.Warn("The backlog's bound made entries give way",
		zap.String("segment", t.Key()), zap.String("policy", policy), zap.Int64("entries", changed), zap.Int64("bytes", freed))
	return freed, nil
}

// lighten applies a policy to one entry. What does not decode stays as it is: it
// will be a dead letter.
func lighten(f form, policy, entry string) string {
	if entry == claim.Gone {
		return entry
	}
	d := decoder{form: f}
	if d.decode(unsafe.Slice(unsafe.StringData(entry), len(entry))) != nil {
		return entry
	}
	r := &d.request
	switch {
	case policy == giveUpSuccesses && r.ResponseCode >= 200 && r.ResponseCode <= 299:
		return claim.Gone
	case policy == giveUpBodies && (r.RawRequest != "" || r.RawResponse != ""):
		r.RawRequest, r.RawResponse = "", ""
		if f == protobufRequest {
			return string(analytics.AppendProtobuf(nil, r))
		}
		return string(analytics.AppendMsgpack(nil, r))
	}
	return entry
}
