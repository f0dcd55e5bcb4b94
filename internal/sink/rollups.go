package sink

import (
	"fmt"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
)

// Rollups reads the groups of rollups of a push. Its error asks for another attempt:
// groups are damaged by a component between the processor and the exporter, and are
// whole again once that is taken out.
func Rollups(logs plog.Logs) ([]rollup.Group, error) {
	groups, err := rollup.FromLogs(logs)
	if err != nil {
		return nil, fmt.Errorf("rollups are damaged; they wait until no component between tykaggregate and the exporter cuts or changes them: %w", err)
	}
	return groups, nil
}
