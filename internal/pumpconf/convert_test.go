package pumpconf

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/table"
)

// collected are the configurations that people have, as files and variables.
var collected = []struct{ name, file, env string }{
	{"01", "01-pump-example.conf", ""},
	{"02", "02-pump-ci-sql.conf", ""},
	{"04", "04-demo-kibana.conf", ""},
	{"06", "06-demo-slo-prometheus.conf", ""},
	{"08", "", "08-pro-docker-mongo.env"},
	{"09", "", "09-pro-docker-postgres.env"},
	{"11", "", "11-charts-data-plane-hybrid.env"},
	{"14", "14-kubernetes-statsd-influx.conf", ""},
	{"15", "15-docs-2017-all-pumps.conf", ""},
	{"16", "16-trailing-comma.conf", ""},
	{"17", "17-missing-brace.conf", ""},
	{"18-file-alone", "18-keys-outside-meta.conf", ""},
	{"18", "18-keys-outside-meta.conf", "18-keys-outside-meta.env"},
	{"19-file-alone", "19-prometheus-only.conf", ""},
	{"19", "19-prometheus-only.conf", "19-prometheus-only.env"},
	{"21", "19-prometheus-only.conf", "21-container-apps.env"},
	{"23", "24-docker-mongo.conf", "23-heroku-legacy.env"},
	{"24", "24-docker-mongo.conf", ""},
	{"27", "27-docs-redis-cluster-hosts.conf", ""},
	{"28", "28-docs-redis-sentinel.conf", ""},
	{"30", "30-docs-omit-detailed-recording.conf", ""},
	{"31", "", "31-old-env-names.env"},
	{"33", "33-aws.conf", ""},
	{"35", "35-kv-secrets.conf", "35-kv-secrets.env"},
	{"36", "36-docs-json-with-comments.conf", ""},
}

// known are the secrets of the collected configurations.
var known = []string{
	"redis-secret", "db-secret", "sentinel-secret", "influx-secret", "splunk-secret", "username:password", "00000000000000000000000000000000", "xyz", `"secret"`,
}

func TestCollectedConfigurations(t *testing.T) {
	t.Parallel()
	for _, c := range collected {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			result := Convert(configuration(t, c.file, c.env))
			told := everything(result)
			golden(t, "golden/"+c.name+".txt", told)
			if result.Settings.Readable {
				golden(t, "golden/"+c.name+".yaml", result.YAML())
			}
			for _, secret := range known {
				assert.NotContains(t, result.YAML()+told, secret)
			}
		})
	}
}

// everything is all that is told.
func everything(r *Result) string {
	var b strings.Builder
	b.WriteString(r.Summary())
	for _, f := range r.Findings.Of(table.Info) {
		b.WriteString(f.String() + "\n")
	}
	return b.String()
}

// TestTheYAMLSaysWhatTheProviderReturns reads the printed text as the collector does.
func TestTheYAMLSaysWhatTheProviderReturns(t *testing.T) {
	t.Parallel()
	inputs := runs(t)
	for _, c := range collected {
		inputs[c.name] = configuration(t, c.file, c.env)
	}
	for name, in := range inputs {
		result := Convert(in)
		if !result.Settings.Readable {
			continue
		}
		retrieved, err := confmap.NewRetrievedFromYAML([]byte(result.YAML()))
		require.NoError(t, err, name)
		read, err := retrieved.AsRaw()
		require.NoError(t, err, name)
		got := read
		assert.JSONEq(t, asJSON(t, hidden(result.Config.Plain(), got)), asJSON(t, got), name)
	}
}

func asJSON(tb testing.TB, value any) string {
	tb.Helper()
	text, err := json.Marshal(value)
	require.NoError(tb, err)
	return string(text)
}

// hidden puts into a value the references that the other one has instead of secrets.
func hidden(value, references any) any {
	switch v := references.(type) {
	case string:
		before, rest, found := strings.Cut(v, "${env:")
		_, after, _ := strings.Cut(rest, "}")
		if text, ok := value.(string); found && ok && strings.HasPrefix(text, before) && strings.HasSuffix(text, after) {
			return v
		}
	case map[string]any:
		if m, ok := value.(map[string]any); ok {
			for key := range m {
				m[key] = hidden(m[key], v[key])
			}
		}
	case []any:
		if list, ok := value.([]any); ok && len(list) == len(v) {
			for i := range list {
				list[i] = hidden(list[i], v[i])
			}
		}
	}
	return value
}

// runs are the configurations with which a real Tyk Pump wrote reference output.
func runs(tb testing.TB) map[string]Input {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "runs", "*.json"))
	require.NoError(tb, err)
	require.Len(tb, files, 99)
	all := map[string]Input{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(tb, err)
		all[strings.TrimSuffix(filepath.Base(file), ".json")] = input(string(text))
	}
	return all
}

func TestEveryTypeIsMadeOrMissing(t *testing.T) {
	t.Parallel()
	for _, kind := range table.Types() {
		assert.Equal(t, kind.Missing == "", makers[kind.Name] != nil, kind.Name)
	}
}

// TestRunsOfTheRealPump converts what the real pump has run with.
func TestRunsOfTheRealPump(t *testing.T) {
	t.Parallel()
	all := runs(t)
	assert.Len(t, all, 99)
	for name, in := range all {
		result := Convert(in)
		assert.False(t, result.Refused(), "%s: %s", name, result.Summary())
		assert.NotEmpty(t, result.Config.Get("service"), name)
	}
}
