package krakend

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// influx2 takes writes as InfluxDB 2 does, and keeps their lines.
type influx2 struct {
	mu    sync.Mutex // guards the field below
	lines strings.Builder
}

// ServeHTTP takes one write.
func (i *influx2) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	query := r.URL.Query()
	if err != nil || r.URL.Path != "/api/v2/write" || query.Get("bucket") != "krakend" || query.Get("org") != "acme" ||
		r.Header.Get("Authorization") != "Token t0ken" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.lines.Write(body)
	w.WriteHeader(http.StatusNoContent)
}

// rows are the stored fields as Flux sees them, each a row.
func (i *influx2) rows(tb testing.TB) []map[string]any {
	tb.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	var rows []map[string]any
	for _, p := range parse(tb, i.lines.String()) {
		for field, value := range p.fields {
			row := map[string]any{"_measurement": p.name, "_field": field, "_value": value}
			for key, text := range p.tags {
				row[key] = text
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// fluxAnswer is what the parser says of a query.
type fluxAnswer struct {
	Error, Bucket string
	Columns       []string
	Selected      []int
}

// askFlux has queries parsed by InfluxData's parser, and their filters applied to rows.
func askFlux(tb testing.TB, queries []string, rows []map[string]any) []fluxAnswer {
	tb.Helper()
	input, err := json.Marshal(map[string]any{"queries": queries, "points": rows})
	require.NoError(tb, err)
	parser := exec.CommandContext(tb.Context(), "go", "run", ".")
	parser.Dir = filepath.Join("..", "..", "internal", "peers", "flux")
	parser.Stdin = bytes.NewReader(input)
	var complaints bytes.Buffer
	parser.Stderr = &complaints
	output, err := parser.Output()
	require.NoError(tb, err, complaints.String())
	var answers []fluxAnswer
	require.NoError(tb, json.Unmarshal(output, &answers))
	require.Len(tb, answers, len(queries))
	return answers
}

// TestTheBoardOfInfluxDB2Finds parses all queries of the Grafana board for InfluxDB 2, and looks for
// what they select among the lines that are written there.
func TestTheBoardOfInfluxDB2Finds(t *testing.T) {
	t.Parallel()
	db := &influx2{}
	server := httptest.NewServer(db)
	defer server.Close()
	write(t, answers(t), map[string]any{"endpoint": server.URL, "organization": "acme", "bucket": "krakend", "token": "t0ken"})
	rows := db.rows(t)
	require.NotEmpty(t, rows)

	grafana := strings.NewReplacer("${host}", "vm", "${resolution}", "1m")
	panels := []string{"a query that is none", "a query for nothing"}
	queries := []string{"from(bucket: ", `from(bucket: "krakend") |> filter(fn: (r) => r._measurement == "nothing")`}
	for text := range strings.Lines(string(unzip(t, "board", "flux.jsonl.gz"))) {
		var q struct{ Panel, Query string }
		require.NoError(t, json.Unmarshal([]byte(text), &q))
		panels, queries = append(panels, q.Panel), append(queries, grafana.Replace(q.Query))
	}
	found := askFlux(t, queries, rows)
	assert.NotEmpty(t, found[0].Error)
	assert.Empty(t, found[1].Selected)
	assert.Len(t, found, 2+51)
	for i := 2; i < len(found); i++ {
		a := found[i]
		assert.Empty(t, a.Error, queries[i])
		assert.Equal(t, "krakend", a.Bucket, queries[i])
		if !assert.NotEmpty(t, a.Selected, "%s: %s", panels[i], queries[i]) {
			continue
		}
		for _, column := range a.Columns {
			// The board groups connections by a tag that KrakenD does not write, either.
			if column != "status" || !strings.Contains(queries[i], `"router"`) {
				assert.Contains(t, rows[a.Selected[0]], column, queries[i])
			}
		}
	}
}
