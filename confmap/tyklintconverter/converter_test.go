package tyklintconverter

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-tyk/otelcol-tyk/confmap/tykpumpprovider"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tykmongoexporter"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver"
)

// verdict is what the converter says of a configuration.
type verdict struct {
	err      error
	warnings []string
}

// of are the findings of a rule.
func (v verdict) of(r rule) []string {
	texts := v.warnings
	if r.refuses {
		texts = nil
		if v.err != nil {
			texts = strings.Split(v.err.Error(), "\n")
		}
	}
	return slices.DeleteFunc(slices.Clone(texts), func(text string) bool { return !strings.HasSuffix(text, "(lint: "+r.name+")") })
}

// unsaid is a configuration of which something is warned.
const unsaid = `
exporters: {tyksql: }
service: {pipelines: {logs: {receivers: [tykredis], processors: [tykfilter], exporters: [tyksql]}}}`

func lint(tb testing.TB, conf *confmap.Conf) verdict {
	tb.Helper()
	core, logs := observer.New(zap.WarnLevel)
	v := verdict{err: NewFactory().Create(confmap.ConverterSettings{Logger: zap.New(core)}).Convert(tb.Context(), conf)}
	for _, entry := range logs.All() {
		v.warnings = append(v.warnings, entry.Message)
	}
	return v
}

func TestNothingOfTheConfigurationChanges(t *testing.T) {
	t.Parallel()
	conf := configured(t, base, unsaid)
	before := conf.ToStringMap()
	conf = configured(t, base, unsaid, "x_otelcol_tyk: {allow: [mcp-unstored]}")
	said := lint(t, conf)
	require.NoError(t, said.err)
	assert.Empty(t, said.warnings)
	assert.Equal(t, before, conf.ToStringMap(), "but the section that no component reads")
}

func TestWhatIsAllowedMustExist(t *testing.T) {
	t.Parallel()
	for own, want := range map[string]string{
		"x_otelcol_tyk: {allow: [memory-queue, memory-queues]}": "x_otelcol_tyk::allow: there is no rule memory-queues (memory-queue is meant?): there are batch, memory-queue,",
		"x_otelcol_tyk: {allow: {memory-queue: true}}":          "x_otelcol_tyk::allow: map[memory-queue:true] is no list: write allow: [NAME]",
		"x_otelcol_tyk: {allow: memory-queues}":                 "x_otelcol_tyk::allow: there is no rule memory-queues",
		"x_otelcol_tyk: {allows: []}":                           "x_otelcol_tyk::allows: there is no such key",
		"x_otelcol_tyk: memory-queue":                           "x_otelcol_tyk: memory-queue has no keys",
	} {
		require.ErrorContains(t, lint(t, configured(t, base, own)).err, want)
	}
	require.NoError(t, lint(t, configured(t, base, "x_otelcol_tyk: {allow: }")).err)
	require.NoError(t, lint(t, configured(t, base, "x_otelcol_tyk: {allow: memory-queue}")).err, "a single name, as of an environment variable")
}

func TestAllThatLosesRecordsIsSaidAtOnce(t *testing.T) {
	t.Parallel()
	said := lint(t, configured(t, base, `
exporters: {kafka: , tyksql: {tables: {aggregated: {enabled: true}}}}
service: {pipelines: {logs: {receivers: [tykredis], processors: [batch], exporters: [kafka, tyksql]}}}`))
	require.Error(t, said.err)
	for _, name := range []string{"batch", "memory-queue", "rollups-missing"} {
		require.ErrorContains(t, said.err, "(lint: "+name+")")
	}
	assert.Len(t, strings.Split(said.err.Error(), "\n"), 4)
	assert.Len(t, said.warnings, 2, "credentials, at both: %v", said.warnings)
}

func TestValidateShowsWarningsToo(t *testing.T) {
	t.Parallel()
	var shown bytes.Buffer
	c := converter{logger: zap.NewNop(), beside: &shown}
	require.NoError(t, c.Convert(t.Context(), configured(t, base, unsaid)))
	assert.Regexp(t, `^warning: exporters::tyksql::tables::mcp: .*\(lint: mcp-unstored\)\n$`, shown.String())
}

// TestEveryExampleIsRight walks all configurations that users start from.
func TestEveryExampleIsRight(t *testing.T) {
	t.Parallel()
	looked := 0
	look := func(path string) {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, "0.0.0.0") {
				assert.Contains(t, line, "# ", "%s: who listens on all addresses says why", path)
			}
		}
		for part := range strings.SplitSeq("\n"+string(text), "\n---\n") {
			conf := configured(t, part)
			if manifest, ok := conf.Get("data::config.yaml").(string); ok {
				conf = configured(t, manifest)
			}
			if !conf.IsSet("service") {
				continue
			}
			looked++
			assert.Contains(t, conf.Get("service::extensions"), "tykhealth", "%s: probes need an answer", path)
			said := lint(t, conf)
			require.NoError(t, said.err, path)
			assert.Empty(t, said.warnings, path)
		}
	}
	look("../../otelcol-config.yaml")
	require.NoError(t, filepath.WalkDir("../../examples", func(path string, entry fs.DirEntry, err error) error {
		require.NoError(t, err)
		if !entry.IsDir() && filepath.Ext(path) == ".yaml" {
			look(path)
		}
		return nil
	}))
	assert.GreaterOrEqual(t, looked, 25)
}

// TestConvertedConfigurationsAreRight takes what the provider of Tyk Pump's configurations makes of them.
func TestConvertedConfigurationsAreRight(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../internal/pumpconf/testdata/runs/*.json")
	require.NoError(t, err)
	provider, looked := tykpumpprovider.NewFactory().Create(confmap.ProviderSettings{}), 0
	for _, path := range files {
		retrieved, err := provider.Retrieve(t.Context(), "tykpump:"+path, nil)
		if err != nil {
			continue // a pump without an exporter here, which other tests look at
		}
		conf, err := retrieved.AsConf()
		require.NoError(t, err)
		looked++
		said := lint(t, conf)
		require.NoError(t, said.err, path)
		assert.Empty(t, said.warnings, path)
	}
	assert.GreaterOrEqual(t, looked, 50)
}

// TestDefaultsAreTheComponents holds what rules take for the defaults to what they are.
func TestDefaultsAreTheComponents(t *testing.T) {
	t.Parallel()
	for kind, config := range map[string]component.Config{
		sqlStore: tyksqlexporter.NewFactory().CreateDefaultConfig(), mongoStore: tykmongoexporter.NewFactory().CreateDefaultConfig(),
	} {
		conf := confmap.New()
		require.NoError(t, conf.Marshal(config))
		settings := conf.ToStringMap()
		c := &configuration{exporters: map[string]map[string]any{kind: {}}}
		s := stores[kind]
		all := append(append([]string{"uptime"}, s.records...), s.rollups...)
		for _, table := range all {
			assert.Equal(t, get(settings, s.section, table, "enabled"), c.on(kind, table), "%s %s", kind, table)
		}
		assert.Len(t, get(settings, s.section), len(all), "tables of %s", kind)
	}
	conf := confmap.New()
	require.NoError(t, conf.Marshal(tykredisreceiver.NewFactory().CreateDefaultConfig()))
	settings := conf.ToStringMap()
	c := &configuration{receivers: map[string]map[string]any{redisReceiver: {}}}
	assert.Equal(t, get(settings, "requests", "enabled"), c.requests(redisReceiver))
	assert.Equal(t, get(settings, "uptime", "enabled"), c.uptime(redisReceiver))
}
