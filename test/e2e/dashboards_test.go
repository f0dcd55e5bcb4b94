//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// dashboard is what the test knows of Grafana's form.
type dashboard struct {
	UID        string
	Title      string
	Templating struct {
		List []struct {
			Name  string
			Type  string
			Query json.RawMessage
		}
	}
	Panels []struct {
		ID      int
		Type    string
		Title   string
		GridPos struct{ X, Y, W, H int }
		Targets []struct {
			Expr       string
			Datasource struct{ Type, UID string }
		}
	}
}

// corePanels come with every Grafana.
var corePanels = map[string]bool{"row": true, "stat": true, "table": true, "timeseries": true}

// requireDashboard runs every query of a dashboard as of a time. Where filled is true each of
// them must have a result.
func requireDashboard(t *testing.T, p *peers.Prometheus, at time.Time, name string, filled bool) {
	t.Helper()
	text, err := os.ReadFile(repository(t, "examples", "grafana", name))
	require.NoError(t, err)
	var d dashboard
	require.NoError(t, json.Unmarshal(text, &d))
	assert.NotEmpty(t, d.UID)
	assert.NotEmpty(t, d.Title)

	known := knownMetrics(t, p)
	taken := map[[2]int]string{} // cells of the grid
	ids := map[int]bool{}
	queries := 0
	for _, panel := range d.Panels {
		assert.True(t, corePanels[panel.Type], "%s: %s is a plugin's panel", panel.Title, panel.Type)
		assert.False(t, ids[panel.ID], "%s: id %d is there twice", panel.Title, panel.ID)
		ids[panel.ID] = true
		for x := panel.GridPos.X; x < panel.GridPos.X+panel.GridPos.W; x++ {
			for y := panel.GridPos.Y; y < panel.GridPos.Y+panel.GridPos.H; y++ {
				assert.Less(t, x, 24, panel.Title)
				assert.Empty(t, taken[[2]int{x, y}], "%s lies over it", panel.Title)
				taken[[2]int{x, y}] = panel.Title
			}
		}
		for _, target := range panel.Targets {
			assert.Equal(t, "${datasource}", target.Datasource.UID, panel.Title)
			queries++
			requireKnown(t, known, target.Expr)
			samples, err := p.Query(t.Context(), filledIn(target.Expr), at)
			require.NoError(t, err, panel.Title)
			if filled {
				assert.NotEmpty(t, samples, "%s: %s", panel.Title, target.Expr)
			}
		}
	}
	assert.Greater(t, queries, 10)
	requireVariables(t, p, at, d)
}

// filledIn replaces what Grafana would.
func filledIn(expression string) string {
	return strings.NewReplacer("$__rate_interval", "1m", "$__range", "1m", "$api", ".*", "$instance", ".*", "$group", ".*", "$host", ".*").Replace(expression)
}

var labelValues = regexp.MustCompile(`^label_values\((\w+), (\w+)\)$`)

// requireVariables looks for values of each variable.
func requireVariables(t *testing.T, p *peers.Prometheus, at time.Time, d dashboard) {
	t.Helper()
	for _, v := range d.Templating.List {
		if v.Type == "datasource" {
			continue
		}
		var query struct{ Query string }
		require.NoError(t, json.Unmarshal(v.Query, &query), v.Name)
		m := labelValues.FindStringSubmatch(query.Query)
		require.NotNil(t, m, query.Query)
		samples, err := p.Query(t.Context(), fmt.Sprintf(`count by (%s) (%s{%s!=""})`, m[2], m[1], m[2]), at)
		require.NoError(t, err)
		assert.NotEmpty(t, samples, query.Query)
	}
}
