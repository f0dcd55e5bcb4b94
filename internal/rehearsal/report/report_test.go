package report

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/compare"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rehearsal/deviation"
)

// evil is what a request can put into a store.
const evil = "<script>alert(1)</script>|`x`\n# \x1b[31m<img src=x onerror=alert(2)>"

func found() *compare.Result {
	at := time.Date(2026, 3, 29, 1, 2, 3, 0, time.UTC)
	return &compare.Result{
		There: evil, Here: evil, Skipped: []string{evil},
		Tables: []*compare.Table{{
			Name: evil, Kind: "records", There: 3, Here: 2, Same: 1,
			Unexplained: map[compare.Kind]int64{compare.Changed: 1}, Explained: map[string]int64{deviation.CityNames: 1}, Changes: map[string]int64{evil: 1},
			Samples: []compare.Difference{
				{Kind: compare.Changed, At: &at, Row: evil, Columns: []compare.Column{{Name: evil, There: evil, Here: evil}}},
				{Kind: compare.MissingHere, Row: evil},
			},
			Windows: []compare.WindowCount{{From: at, To: at.Add(time.Hour), There: 3, Here: 2}},
		}},
	}
}

func TestStoredMarkupIsText(t *testing.T) {
	t.Parallel()
	r := New(found(), evil, time.Now())
	r.Config, r.Log = evil, []LogLine{{Text: evil, Times: 2}}
	var page, markdown strings.Builder
	require.NoError(t, r.HTML(&page))
	for _, bad := range []string{"<script", "<img"} {
		assert.NotContains(t, page.String(), bad)
	}
	assert.Contains(t, page.String(), "&lt;script&gt;")
	assert.Contains(t, page.String(), deviation.CityNames)

	r.Config = ""
	require.NoError(t, r.Markdown(&markdown))
	for _, bad := range []string{"<script", "<img", "\x1b", "\n# \x1b", "`x`"} {
		assert.NotContains(t, markdown.String(), bad)
	}
	for line := range strings.Lines(markdown.String()) {
		if strings.HasPrefix(line, "| changed") {
			assert.Equal(t, 7, strings.Count(line, "|"), "a value adds no cell: %s", line)
		}
	}
	assert.NotContains(t, markdown.String(), "\n# ", "a value adds no heading")

	var text strings.Builder
	require.NoError(t, r.JSON(&text))
	var back Report
	require.NoError(t, json.Unmarshal([]byte(text.String()), &back))
	assert.Equal(t, evil, back.Tables[0].Samples[0].Row, "JSON has what there is")
}

func TestAVerdictHasATitleASentenceAndAnExitStatus(t *testing.T) {
	t.Parallel()
	table := func(kind compare.Kind, explained string) *compare.Result {
		out := &compare.Table{Name: "t", Unexplained: map[compare.Kind]int64{}, Explained: map[string]int64{}}
		if kind != "" {
			out.Unexplained[kind] = 4
		}
		if explained != "" {
			out.Explained[explained] = 1
		}
		return &compare.Result{Tables: []*compare.Table{out}}
	}
	doubtful := table(compare.MissingThere, "")
	doubtful.Doubts = []string{"too few"}
	for _, tc := range []struct {
		result   *compare.Result
		title    string
		sentence string
		status   int
	}{
		{table("", ""), "IDENTICAL", "same rows", 0},
		{table("", deviation.CityNames), "EQUIVALENT", "explains", 0},
		{table(compare.MissingThere, ""), "TYK PUMP LOST 4", "4 rows", 0},
		{table(compare.MissingHere, ""), "DIFFERENT", "nothing explains", 1},
		{doubtful, "INCONCLUSIVE", "too few", 2},
	} {
		r := New(tc.result, "v", time.Now())
		assert.Equal(t, tc.title, r.Title())
		assert.Contains(t, r.Summary, tc.sentence)
		assert.Equal(t, tc.status, r.Status(), tc.title)
	}
}

func TestALogIsToldWithoutItsSecrets(t *testing.T) {
	t.Parallel()
	long := `level=error msg="` + strings.Repeat("é", 1<<20) + `"`
	lines, err := ReadLog(strings.NewReader(strings.Join([]string{
		`time="2026-03-29T00:00:01Z" level=info msg="all is well"`,
		`time="2026-03-29T00:00:01Z" level=error msg="lost 12 records of postgres://tyk:sekrit@db/x"`,
		long,
		`time="2026-03-29T00:00:02Z" level=error msg="lost 345 records of postgres://tyk:sekrit@db/x"`,
		`{"level":"warning","password":"sekrit","msg":"slow"}`,
		`panic: boom`,
	}, "\n")))
	require.NoError(t, err)
	require.Len(t, lines, 4)
	assert.Equal(t, 2, lines[0].Times, "lines that differ in numbers are one")
	for _, l := range lines {
		assert.NotContains(t, l.Text, "sekrit")
		assert.True(t, len(l.Text) < 400 && strings.ToValidUTF8(l.Text, "") == l.Text)
	}
}
