package tykpumpprovider

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

const file = `{
  "analytics_storage_config": {"host": "redis.test", "port": 6379, "password": "a$b"},
  "purge_delay": 10,
  "dont_purge_uptime_data": true,
  "pumps": {
    "mongo": {"meta": {"collection_name": "tyk_analytics", "mongo_url": "mongodb://mongo.test/tyk_analytics"}},
    "timestream": {"meta": {"aws_region": "x"}}
  }
}`

// written puts the file into a folder of the test, which becomes the working directory.
func written(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("TZ", "UTC")
	require.NoError(t, os.WriteFile("pump.conf", []byte(file), 0o600))
	return filepath.Join(dir, "pump.conf")
}

// resolver makes of URIs what the collector makes of --config.
func resolver(t *testing.T, logger *zap.Logger, uris ...string) (*confmap.Conf, error) {
	t.Helper()
	r, err := confmap.NewResolver(confmap.ResolverSettings{
		URIs: uris, ProviderFactories: []confmap.ProviderFactory{NewFactory(), yaml()}, ProviderSettings: confmap.ProviderSettings{Logger: logger},
	})
	require.NoError(t, err)
	conf, err := r.Resolve(t.Context())
	require.NoError(t, r.Shutdown(t.Context()))
	return conf, err
}

// yaml is a provider of configurations that stand in the URI.
func yaml() confmap.ProviderFactory {
	return confmap.NewProviderFactory(func(confmap.ProviderSettings) confmap.Provider { return inline{} })
}

type inline struct{}

func (inline) Retrieve(_ context.Context, uri string, _ confmap.WatcherFunc) (*confmap.Retrieved, error) {
	return confmap.NewRetrievedFromYAML([]byte(uri[len("yaml:"):]))
}
func (inline) Scheme() string                 { return "yaml" }
func (inline) Shutdown(context.Context) error { return nil }

func TestTheWholeConfigurationIsReturned(t *testing.T) {
	core, logs := observer.New(zapcore.InfoLevel)
	for _, uri := range []string{"tykpump:" + written(t) + "?skip=Timestream", "tykpump:?skip=timestream&debug=true"} {
		conf, err := resolver(t, zap.New(core), uri, "yaml:exporters::tykmongo/mongo::timeout: 7s")
		require.NoError(t, err)
		assert.Equal(t, "a$b", conf.Get("receivers::tykredis/mongo::password"), "each $ comes back as one")
		assert.Equal(t, "mongodb://mongo.test/tyk_analytics", conf.Get("exporters::tykmongo/mongo::uri"))
		assert.Equal(t, "7s", conf.Get("exporters::tykmongo/mongo::timeout"), "further files are merged over it")
		assert.Equal(t, []any{"tykfilter/mongo"}, conf.Get("service::pipelines::logs/mongo::processors"))
	}
	assert.Len(t, logs.FilterMessageSnippet("pumps.Timestream: is skipped").All(), 1)
	assert.Len(t, logs.FilterMessageSnippet("settings of Tyk Pump that need no counterpart").All(), 2, "in sum")
}

func TestDebugIsALogLevel(t *testing.T) {
	conf, err := resolver(t, zap.NewNop(), "tykpump:"+written(t)+"?skip=timestream&debug=true")
	require.NoError(t, err)
	assert.Equal(t, "debug", conf.Get("service::telemetry::logs::level"))
}

func TestWhatCannotBeHonouredIsRefused(t *testing.T) {
	path := written(t)
	t.Setenv("TYK_PMP_ANALYTICSSTORAGETYPE", "kafka")
	t.Setenv("TYK_PMP_ANALYTICSSTORAGECONFIG_PASSWORD", "s3cret")
	_, err := resolver(t, zap.NewNop(), "tykpump:"+path)
	require.ErrorContains(t, err, "2 errors")
	require.ErrorContains(t, err, `analytics_storage_type (set by TYK_PMP_ANALYTICSSTORAGETYPE): "kafka" ends Tyk Pump`)
	require.ErrorContains(t, err, "pumps.timestream: type timestream: otelcol-tyk has no exporter for Timestream")
	require.ErrorContains(t, err, "--config 'tykpump:"+path+"?skip=NAME,NAME'")
	assert.NotContains(t, err.Error(), "s3cret")
}

func TestSkippingIsNotAdvisedWhereNoPumpIsWrong(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pump.conf")
	for _, text := range []string{"", "{,}", "{}"} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := resolver(t, zap.NewNop(), "tykpump:"+path)
		require.ErrorContains(t, err, "tykctl convert "+path)
		assert.NotContains(t, err.Error(), "skip=", text)
	}
}

func TestOptionsThatDoNotExist(t *testing.T) {
	path := written(t)
	for query, want := range map[string]string{
		"skipp=x":     `the option "skipp" of tykpump does not exist: there are skip and debug`,
		"debug=maybe": `the option debug="maybe" of tykpump: write debug=true`,
		"%":           "write ?skip=NAME&debug=true",
	} {
		_, err := resolver(t, zap.NewNop(), "tykpump:"+path+"?"+query)
		require.ErrorContains(t, err, want)
	}
	_, err := NewFactory().Create(confmap.ProviderSettings{}).Retrieve(t.Context(), "other:x", nil)
	require.ErrorContains(t, err, "write tykpump:/opt/tyk-pump/pump.conf")
}
