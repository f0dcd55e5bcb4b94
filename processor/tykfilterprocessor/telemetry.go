package tykfilterprocessor

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelcol-tyk/otelcol-tyk/internal/selection"
	"github.com/otelcol-tyk/otelcol-tyk/processor/tykfilterprocessor/internal/metadata"
)

// outcome is something that was done with a recorded request or response.
type outcome uint8

const (
	omitted outcome = iota
	redacted
	damaged
	trimmed
	decoded
	undecodable
	outcomes
)

// The words of metadata.yaml for verdicts and outcomes.
var (
	reasonNames = [selection.Verdicts]string{
		selection.KeptBySkipAPIIDs:        "skip_api_ids",
		selection.KeptBySkipOrgIDs:        "skip_org_ids",
		selection.KeptBySkipResponseCodes: "skip_response_codes",
		selection.KeptByAPIIDs:            "api_ids",
		selection.KeptByOrgIDs:            "org_ids",
		selection.KeptByResponseCodes:     "response_codes",
	}
	outcomeNames = [outcomes]string{
		omitted:     "omitted",
		redacted:    "redacted",
		damaged:     "damaged",
		trimmed:     "trimmed",
		decoded:     "decoded",
		undecodable: "undecodable",
	}
)

// tally counts what happened to one batch.
type tally struct {
	judged   [selection.Verdicts]int64
	payloads [outcomes]int64
}

// counters carry tallies to the component's metrics.
type counters struct {
	builder  *metadata.TelemetryBuilder
	reasons  [selection.Verdicts]metric.AddOption
	outcomes [outcomes]metric.AddOption
}

func newCounters(set component.TelemetrySettings) (*counters, error) {
	builder, err := metadata.NewTelemetryBuilder(set)
	if err != nil {
		return nil, err
	}
	c := &counters{builder: builder}
	for v, name := range reasonNames {
		c.reasons[v] = metric.WithAttributeSet(attribute.NewSet(attribute.String("reason", name)))
	}
	for o, name := range outcomeNames {
		c.outcomes[o] = metric.WithAttributeSet(attribute.NewSet(attribute.String("outcome", name)))
	}
	return c, nil
}

func (c *counters) add(ctx context.Context, t *tally) {
	for v := selection.Passes + 1; v < selection.Verdicts; v++ {
		if n := t.judged[v]; n > 0 {
			c.builder.TykfilterDroppedRecords.Add(ctx, n, c.reasons[v])
		}
	}
	for o, n := range t.payloads {
		if n > 0 {
			c.builder.TykfilterPayloads.Add(ctx, n, c.outcomes[o])
		}
	}
}

func (c *counters) addSpans(ctx context.Context, judged *[selection.Verdicts]int64) {
	for v := selection.Passes + 1; v < selection.Verdicts; v++ {
		if n := judged[v]; n > 0 {
			c.builder.TykfilterDroppedSpans.Add(ctx, n, c.reasons[v])
		}
	}
}

func (c *counters) addDataPoints(ctx context.Context, judged *[selection.Verdicts]int64) {
	for v := selection.Passes + 1; v < selection.Verdicts; v++ {
		if n := judged[v]; n > 0 {
			c.builder.TykfilterDroppedDataPoints.Add(ctx, n, c.reasons[v])
		}
	}
}
