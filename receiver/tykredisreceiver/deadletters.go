package tykredisreceiver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
)

// keepDeadLetters keeps the dead letters of a chunk in Redis.
func (d *deliverer) keepDeadLetters(ctx context.Context, dl *delivery, c *delivering) error {
	src := c.h.source
	if dl.outcome(c).Dead == 0 {
		return nil
	}
	if src.isFull() {
		return fmt.Errorf("keep dead letters of %s: %w", src.Key(), claim.ErrDeadLettersFull)
	}
	if err := d.readAgain(ctx, dl, c); err != nil {
		return err
	}
	letters, byClass := d.letters(dl, c)
	if len(letters) == 0 { // shed meanwhile
		return nil
	}
	kept, dropped, err := d.store.KeepDeadLetters(ctx, src.Source, letters)
	if errors.Is(err, claim.ErrDeadLettersFull) {
		src.fullUntil.Store(time.Now().Add(fullFor).UnixNano())
	}
	d.telemetry.TykredisDeadLettersDropped.Add(ctx, dropped)
	if dropped > 0 {
		d.logger.Error("Dead letters were dropped to stay within the limits of dead_letters",
			zap.String("source", src.Key()), zap.Int64("dropped", dropped))
	}
	if err == nil {
		d.sayKept(ctx, src, kept, byClass, letters[0].Reason)
	}
	return err
}

// readAgain reads the entries of a chunk that has waited without them.
func (d *deliverer) readAgain(ctx context.Context, dl *delivery, c *delivering) error {
	var ahead claim.Ahead
	for entries := []string{}; c.entries == nil; {
		more, err := d.store.Read(ctx, c.h.Segment, &ahead, c.from+int64(len(entries)), int64(c.count-len(entries)), pageBytes)
		if err != nil {
			if isGone(err) && ctx.Err() == nil {
				c.h.gone.Store(true)
			}
			return err
		}
		if entries = append(entries, more...); len(entries) == c.count {
			c.entries = entries
		}
	}
	for i, entry := range c.entries {
		if entry == claim.ShedEntry {
			dl.fates[c.first+i] = shed
		}
	}
	return nil
}

// letters makes the dead letters of a chunk, and counts them by the class of their reason.
func (d *deliverer) letters(dl *delivery, c *delivering) (letters []claim.Letter, byClass map[string]int64) {
	byClass = map[string]int64{}
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
	return letters, byClass
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
		zap.String("source", src.Key()), zap.Int64("entries", kept), zap.String("first_reason", first),
		zap.String("remedy", "tykctl dead list -source "+src.Key()+" shows them, tykctl dead replay delivers them again"))
}
