package tykpathextension

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/extension/extensionmiddleware"
	"go.opentelemetry.io/collector/extension/extensiontest"

	"github.com/otelcol-tyk/otelcol-tyk/extension/tykpathextension/internal/metadata"
)

func load(t *testing.T, name string) *Config {
	t.Helper()
	conf, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	sub, err := conf.Sub(name)
	require.NoError(t, err)
	cfg := createDefaultConfig().(*Config)
	require.NoError(t, sub.Unmarshal(cfg))
	return cfg
}

func TestConfig(t *testing.T) {
	t.Parallel()
	assert.Equal(t, &Config{From: "/tyk/metrics", To: "/metrics"}, load(t, "tykpath"))
	assert.Equal(t, &Config{From: "/a", To: "/b"}, load(t, "tykpath/both"))
	require.NoError(t, load(t, "tykpath/both").Validate())
	require.EqualError(t, load(t, "tykpath/wrong").Validate(), `from: "metrics" is not the path of a URL: write one such as /metrics`+"\n"+
		`to: "http://host/metrics" is not the path of a URL: write one such as /metrics`)
	for _, to := range []string{"/b c", "/b%20c", "/b\n"} {
		require.ErrorContains(t, (&Config{From: "/a", To: to}).Validate(), "to: ")
	}
	require.Error(t, createDefaultConfig().(*Config).Validate(), "from has no default")
}

func TestSchemaDescribesTheConfig(t *testing.T) {
	t.Parallel()
	schema, err := confmaptest.LoadConf("config.schema.yaml")
	require.NoError(t, err)
	properties := schema.ToStringMap()["properties"].(map[string]any)
	value := reflect.ValueOf(*createDefaultConfig().(*Config))
	require.Len(t, properties, value.NumField())
	for i := range value.NumField() {
		property := properties[value.Type().Field(i).Tag.Get("mapstructure")].(map[string]any)
		assert.NotEmpty(t, property["description"])
		assert.Equal(t, value.Field(i).String(), property["default"])
	}
}

func TestOnePathStandsForAnother(t *testing.T) {
	t.Parallel()
	made, err := NewFactory().Create(t.Context(), extensiontest.NewNopSettings(metadata.Type), load(t, "tykpath"))
	require.NoError(t, err)
	require.NoError(t, made.Start(t.Context(), componenttest.NewNopHost()))
	wrap, err := made.(extensionmiddleware.HTTPServer).GetHTTPHandler(t.Context())
	require.NoError(t, err)
	server := http.NewServeMux()
	server.HandleFunc("/metrics", func(w http.ResponseWriter, r *http.Request) { _, _ = fmt.Fprint(w, r.URL.RawQuery) })
	handler, err := wrap(t.Context(), server)
	require.NoError(t, err)
	for path, want := range map[string]int{"/tyk/metrics?name=a": 200, "/tyk%2Fmetrics?name=a": 200, "/metrics": 404, "/": 404, "/tyk/metrics/": 404} {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, http.NoBody))
		assert.Equal(t, want, answer.Code, path)
		if want == 200 {
			assert.Equal(t, "name=a", answer.Body.String(), path)
		}
	}
	require.NoError(t, made.Shutdown(t.Context()))
}
