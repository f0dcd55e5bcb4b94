package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/source"
)

// keepDeadLetters keeps the dead letters of a chunk in Redis.
func (d *Deliverer) keepDeadLetters(ctx context.Context, dl *delivery, c *delivering) error {
	src := c.Segment.Of
	if dl.outcome(c).Dead == 0 {
		return nil
	}
	if src.IsFull() {
		return fmt.Errorf("keep dead letters of %s: %w", src.Key(), claim.ErrDeadLettersFull)
	}
	if err := c.ReadAgain(ctx, d.Store); err != nil {
		return err
	}
	for i, entry := range c.Entries {
		if entry == claim.ShedEntry { // meanwhile
			dl.fates[c.first+i] = shed
		}
	}
	letters, byClass := d.letters(dl, c)
	if len(letters) == 0 {
		return nil
	}
	kept, dropped, err := d.Store.KeepDeadLetters(ctx, src.Source, letters)
	if errors.Is(err, claim.ErrDeadLettersFull) {
		src.NoteFull()
	}
	d.Telemetry.TykredisDeadLettersDropped.Add(ctx, dropped)
	if dropped > 0 {
		d.Logger.Error("Dead letters were dropped to stay within the limits of dead_letters",
			zap.String("source", src.Key()), zap.Int64("dropped", dropped))
	}
	if err == nil {
		d.sayKept(ctx, src, kept, byClass, letters[0].Reason)
	}
	return err
}

// restore reads again what a delivery still has to send and has released. A chunk that is
// another worker's by now ends.
func (d *Deliverer) restore(ctx context.Context, dl *delivery) error {
	if err := d.enter(ctx, dl); err != nil {
		return err
	}
	for i := range dl.chunks {
		c := &dl.chunks[i]
		if c.ended || c.Entries != nil || dl.isDecided(c) {
			continue
		}
		if err := c.ReadAgain(ctx, d.Store); err != nil && !c.Segment.IsLost() {
			return d.Health.OfRedis(err)
		} else if err != nil {
			dl.abandon(c)
		}
	}
	return nil
}

// letters makes the dead letters of a chunk, and counts them by the class of their reason.
func (d *Deliverer) letters(dl *delivery, c *delivering) (letters []claim.Letter, byClass map[string]int64) {
	src := c.Segment.Of
	byClass = map[string]int64{}
	for i, f := range c.fates(dl) {
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
		uid, entry := src.Identify(c.Segment.ID, c.From+int64(i), c.Entries[i])
		at := c.givenUp([]int{c.first + i}) // what stores remember counts from the first time
		if at.IsZero() {
			at = time.Now().UTC()
		}
		letters = append(letters, claim.Letter{
			UID: uid, Reason: class + ": " + why.text, At: at, Destination: why.destination, Group: d.Group, Entry: entry,
		})
	}
	return letters, byClass
}

// sayKept counts dead letters, unless they were kept before.
func (d *Deliverer) sayKept(ctx context.Context, src *source.Source, kept int64, byClass map[string]int64, first string) {
	if kept == 0 {
		return
	}
	for class, n := range byClass {
		d.Telemetry.TykredisRecordsDeadLettered.Add(ctx, n, metric.WithAttributes(attribute.String("reason", class)))
	}
	d.Logger.Warn("Entries became dead letters",
		zap.String("source", src.Key()), zap.Int64("entries", kept), zap.String("first_reason", first),
		zap.String("remedy", "tykctl dead list -source "+src.Key()+" shows them, tykctl dead replay delivers them again"))
}
