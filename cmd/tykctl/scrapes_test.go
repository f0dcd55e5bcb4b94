package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/compare"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/rehearsaltest"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/report"
)

func TestPagesOfMetricsAreCompared(t *testing.T) {
	o, dir := newOperator(t, nil), t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		return file
	}
	page := strings.Join(rehearsaltest.Lines(t, rehearsaltest.Repository(t, "internal", "measure", "testdata", "pump", "prometheus.txt.gz")), "\n") + "\n"
	const line = `tyk_http_status{api="7d1f",code="200"} 49`
	require.Contains(t, page, line)
	pump := write("pump", page)
	check := func(ours string, more ...string) (report.Report, int) {
		a := o.run("compare-metrics", append([]string{"-pump", pump, "-ours", ours, "-json"}, more...)...)
		var r report.Report
		require.NoError(t, json.Unmarshal([]byte(a.stdout), &r), a.stderr)
		return r, a.status
	}
	r, status := check(write("same", page+"go_threads 7\n"))
	assert.Zero(t, status)
	assert.Equal(t, compare.Identical, r.Verdict)
	assert.Greater(t, r.Tables[0].Same, int64(1000))

	r, status = check(write("more", strings.Replace(page, line, line[:len(line)-2]+"50", 1)))
	assert.Equal(t, 1, status)
	assert.Equal(t, []compare.Column{{Name: "tyk_http_status", There: "49", Here: "50"}}, r.Tables[0].Samples[0].Columns)

	r, status = check(write("less", strings.Replace(page, line+"\n", "", 1)))
	assert.Equal(t, 1, status)
	assert.EqualValues(t, 1, r.Tables[0].Unexplained[compare.MissingHere])

	doubled := write("doubled", strings.Replace(page, line, line[:len(line)-2]+"98", 1))
	r, status = check(doubled, "-pump-before", write("nothing", ""), "-ours-before", write("before", line+"\n"))
	assert.Zero(t, status)
	assert.Equal(t, compare.Identical, r.Verdict)
	for _, d := range r.Tables[0].Samples {
		assert.NotContains(t, d.Row, `key="`)
	}
	a := o.run("compare-metrics", "-pump", pump, "-ours", write("no", "<html>"))
	assert.Equal(t, exitFailed, a.status)
	assert.Contains(t, a.stderr, "no page of metrics")
}
