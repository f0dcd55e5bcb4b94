package tykaggregateprocessor

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
	"github.com/otelcol-tyk/otelcol-tyk/processor/tykaggregateprocessor/internal/metadata"
)

// aggregateProcessor passes on rollups in the place of records. It is not made with
// processorhelper, which would not let it see the answer of the stores: where one
// has applied a part of the records before, the rollups are made anew in another
// cut, in the same call.
type aggregateProcessor struct {
	component.StartFunc

	aggregator *rollup.Aggregator
	next       consumer.Logs
	telemetry  *metadata.TelemetryBuilder
	logger     *zap.Logger
	version    string
	// release gives records up once they are counted. They are nobody else's then, and what
	// waits for the store takes a fraction of their memory.
	release bool
}

func newAggregateProcessor(cfg *Config, set processor.Settings, next consumer.Logs) (*aggregateProcessor, error) {
	settings, err := cfg.settings()
	if err != nil {
		return nil, err
	}
	aggregator, err := rollup.NewAggregator(settings)
	if err != nil {
		return nil, fmt.Errorf("timezone: %w", err)
	}
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, fmt.Errorf("set up own metrics: %w", err)
	}
	return &aggregateProcessor{aggregator: aggregator, next: next, telemetry: telemetry, logger: set.Logger, version: set.BuildInfo.Version, release: cfg.ReleaseRecords}, nil
}

// Capabilities tells that records are only read, unless they are given up.
func (p *aggregateProcessor) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: p.release}
}

// Shutdown holds nothing back, since nothing is held.
func (p *aggregateProcessor) Shutdown(context.Context) error {
	p.telemetry.Shutdown()
	return nil
}

// ConsumeLogs returns when the rollups of the chunk are stored. Several goroutines
// call it at a time.
func (p *aggregateProcessor) ConsumeLogs(ctx context.Context, ld plog.Logs) error {
	groups, again := p.aggregate(ctx, ld)
	var cut rollup.Cut
	for {
		if len(groups) == 0 {
			return nil
		}
		rollups := plog.NewLogs()
		rollup.AppendLogs(rollups, p.version, groups)
		p.telemetry.TykaggregateRollups.Add(ctx, int64(rollups.LogRecordCount()))
		answer := p.next.ConsumeLogs(ctx, rollups)
		overlaps := overlapsOf(answer)
		if len(overlaps) == 0 {
			return answer
		}
		var err error
		if cut, err = cut.With(overlaps); err != nil {
			return fmt.Errorf("make rollups anew: %w: %w", err, answer)
		}
		p.telemetry.TykaggregateRecuts.Add(ctx, 1)
		groups = again(cut)
	}
}

// mostRollups is how many rollups a record has at most in a chunk that is released. More take
// as much memory as the record itself, so that no more of them may wait than without release.
const mostRollups = 2

// aggregate counts the records of a chunk, and gives what counts them anew in another cut.
func (p *aggregateProcessor) aggregate(ctx context.Context, ld plog.Logs) (groups []rollup.Group, again func(rollup.Cut) []rollup.Group) {
	if !p.release {
		groups, tally := p.aggregator.Aggregate(ld, nil)
		p.tell(ctx, &tally)
		return groups, func(cut rollup.Cut) []rollup.Group {
			groups, _ := p.aggregator.Aggregate(ld, cut)
			return groups
		}
	}
	groups, tally, kept := p.aggregator.AggregateAndKeep(ld)
	p.tell(ctx, &tally)
	again = func(cut rollup.Cut) []rollup.Group { return p.aggregator.AggregateKept(kept, cut) }
	if rollup.Count(groups) > mostRollups*ld.LogRecordCount() {
		return groups, again
	}
	ld.ResourceLogs().MoveAndAppendTo(plog.NewLogs().ResourceLogs()) // the collector keeps ld itself until the answer
	if entries := analytics.EntriesOf(ctx); entries != nil {
		entries.Release()
	}
	return groups, again
}

// overlapsOf collects what the stores of an answer ask for, however it is joined
// and wrapped.
func overlapsOf(err error) []rollup.Overlap {
	if err == nil {
		return nil
	}
	if overlap, ok := err.(*rollup.OverlapError); ok { //nolint:errorlint // the tree is walked here
		return overlap.Overlaps
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []rollup.Overlap
		for _, part := range joined.Unwrap() {
			all = append(all, overlapsOf(part)...)
		}
		return all
	}
	return overlapsOf(errors.Unwrap(err))
}

// tell counts what became of a chunk's records.
func (p *aggregateProcessor) tell(ctx context.Context, tally *rollup.Tally) {
	p.telemetry.TykaggregateRecords.Add(ctx, tally.Records)
	for reason, n := range map[string]int64{"uptime": tally.Uptime, "foreign": tally.Foreign, "ownerless": tally.Ownerless} {
		if n > 0 {
			p.telemetry.TykaggregateDroppedRecords.Add(ctx, n, metric.WithAttributes(attribute.String("reason", reason)))
		}
	}
	for dimension, n := range tally.FoldedBy {
		p.telemetry.TykaggregateFoldedValues.Add(ctx, n, metric.WithAttributes(attribute.String("dimension", dimension.String())))
	}
	for _, alert := range tally.Alerts {
		p.logger.Warn("An organisation has more tags in a bucket than threshold_len_tag_list; ignore_tag_prefix_list leaves some out",
			zap.String("org", alert.Org), zap.Time("bucket", alert.Bucket), zap.Strings("common_prefixes", alert.Prefixes))
	}
}
