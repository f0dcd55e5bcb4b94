package tykfilterprocessor

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

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
	reasonNames = [verdicts]string{
		keptBySkipAPIIDs:        "skip_api_ids",
		keptBySkipOrgIDs:        "skip_org_ids",
		keptBySkipResponseCodes: "skip_response_codes",
		keptByAPIIDs:            "api_ids",
		keptByOrgIDs:            "org_ids",
		keptByResponseCodes:     "response_codes",
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
	judged   [verdicts]int64
	payloads [outcomes]int64
}

// counters carry tallies to the component's metrics.
type counters struct {
	builder  *metadata.TelemetryBuilder
	reasons  [verdicts]metric.AddOption
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
	for v := passes + 1; v < verdicts; v++ {
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

func (c *counters) addSpans(ctx context.Context, judged *[verdicts]int64) {
	for v := passes + 1; v < verdicts; v++ {
		if n := judged[v]; n > 0 {
			c.builder.TykfilterDroppedSpans.Add(ctx, n, c.reasons[v])
		}
	}
}

func (c *counters) addDataPoints(ctx context.Context, judged *[verdicts]int64) {
	for v := passes + 1; v < verdicts; v++ {
		if n := judged[v]; n > 0 {
			c.builder.TykfilterDroppedDataPoints.Add(ctx, n, c.reasons[v])
		}
	}
}
