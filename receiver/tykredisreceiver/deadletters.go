package tykredisreceiver

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
)

// keepDeadLetters keeps the dead letters of a chunk in Redis, trying until ctx is done
// or the chunk is another worker's.
func (d *deliverer) keepDeadLetters(ctx context.Context, dl *delivery, c *delivering) error {
	var letters []claim.Letter
	byClass := map[string]int64{}
	for i, f := range dl.fates[c.first : c.first+c.count] {
		var class string
		switch f {
		case refused:
			class = "refused"
		case undecodable:
			class = "undecodable"
		default:
			continue
		}
		byClass[class]++
		why := dl.why[c.first+i]
		uid, entry := c.identify(i)
		at := c.givenUp([]int{c.first + i}) // what stores remember counts from the first time
		if at.IsZero() {
			at = time.Now().UTC()
		}
		letters = append(letters, claim.Letter{
			UID: uid, Reason: class + ": " + why.text, At: at, Destination: why.destination, Group: d.group, Entry: entry,
		})
	}
	if len(letters) == 0 {
		return nil
	}
	src := c.h.source
	wait := newBackoff()
	for {
		kept, dropped, err := d.store.KeepDeadLetters(ctx, src.Source, letters)
		d.health.keeping(c.h, err)
		d.telemetry.TykredisDeadLettersDropped.Add(ctx, dropped)
		if dropped > 0 {
			d.logger.Error("Dead letters were dropped to stay within the limits of dead_letters",
				zap.String("source", src.Key()), zap.Int64("dropped", dropped))
		}
		if err == nil {
			d.sayKept(ctx, src, kept, byClass, letters[0].Reason)
			return nil
		}
		if !wait.sleep(ctx) || c.h.gone.Load() {
			d.health.keeping(c.h, nil)
			return err
		}
	}
}

// sayKept counts dead letters, unless they were kept before.
func (d *deliverer) sayKept(ctx context.Context, src *source, kept int64, byClass map[string]int64, first string) {
	if kept == 0 {
		return
	}
	for class, n := range byClass {
		d.telemetry.TykredisRecordsDeadLettered.Add(ctx, n, metric.WithAttributes(attribute.String("reason", class)))
	}
	d.logger.Warn("Entries became dead letters",
		zap.String("source", src.Key()), zap.Int64("entries", kept), zap.String("first_reason", first))
}
