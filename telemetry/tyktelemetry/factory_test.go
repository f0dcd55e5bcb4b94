package tyktelemetry_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/service/telemetry"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/logging"
	"github.com/otelcol-tyk/otelcol-tyk/telemetry/tyktelemetry"
)

// said is what a collector of a configuration logs.
func said(t *testing.T, settings map[string]any, log func(*zap.Logger)) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "log")
	factory := tyktelemetry.NewFactory()
	config := factory.CreateDefaultConfig()
	conf := confmap.NewFromStringMap(map[string]any{"logs": map[string]any{"output_paths": []any{file}}})
	require.NoError(t, conf.Merge(confmap.NewFromStringMap(map[string]any{"logs": settings})))
	require.NoError(t, conf.Unmarshal(config))
	require.NoError(t, confmap.Validate(config))
	resource, err := factory.CreateResource(t.Context(), telemetry.Settings{BuildInfo: component.NewDefaultBuildInfo()}, config)
	require.NoError(t, err)
	logger, shutdown, err := factory.CreateLogger(t.Context(), telemetry.LoggerSettings{Settings: telemetry.Settings{Resource: &resource}}, config)
	require.NoError(t, err)
	log(logger)
	require.NoError(t, logger.Sync())
	require.NoError(t, shutdown.Shutdown(t.Context()))
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

func TestGosOwnDefaultsAreWarnedOf(t *testing.T) {
	for _, test := range []struct {
		limit, percent string
		warns          bool
	}{{"", "", true}, {"400MiB", "", false}, {"", "400", false}} {
		t.Setenv("GOMEMLIMIT", test.limit)
		t.Setenv("GOGC", test.percent)
		lines := said(t, nil, func(logger *zap.Logger) { logger.Warn("end") })
		if test.warns {
			require.Len(t, lines, 2)
			assert.Contains(t, lines[0], "GOMEMLIMIT=400MiB GOGC=400")
		} else {
			require.Len(t, lines, 1)
		}
	}
}

func TestTheLogIsReadableWithoutAnySetting(t *testing.T) {
	t.Setenv("GOGC", "400")
	lines := said(t, nil, func(logger *zap.Logger) {
		assert.NotNil(t, logging.CausesOf(logger))
		logger = logger.WithOptions(zap.WithCaller(false))
		for range 100 {
			logger.Error("Exporting failed. Rejecting data. Try enabling sending_queue to survive temporary failures.", zap.Error(errors.New(strings.Repeat("x", 100_000))))
		}
	})
	require.Len(t, lines, 1, "no stack trace, no repetition")
	assert.Less(t, len(lines[0]), 2500)
	assert.Contains(t, lines[0], "Exporting failed. Rejecting data.\t")
}

func TestWhatIsSetHolds(t *testing.T) {
	t.Setenv("GOGC", "400")
	lines := said(t, map[string]any{"level": "debug", "encoding": "json", "disable_stacktrace": false, "sampling": map[string]any{"enabled": false}}, func(logger *zap.Logger) {
		for range 20 {
			logger.Debug("seen")
		}
		logger.Error("failed")
	})
	require.Len(t, lines, 21)
	assert.Contains(t, lines[20], `"stacktrace":"`)
}

// TestTheRestIsTheCollectorsOwn compares with what a collector has that is built without it.
func TestTheRestIsTheCollectorsOwn(t *testing.T) {
	t.Parallel()
	usual, own := otelconftelemetry.NewFactory(), tyktelemetry.NewFactory()
	config := own.CreateDefaultConfig().(*otelconftelemetry.Config)
	assert.True(t, config.Logs.DisableStacktrace)
	config.Logs.DisableStacktrace = false
	assert.Equal(t, usual.CreateDefaultConfig(), config)

	config.Metrics.Readers = nil // its port is taken where another collector runs
	resource := pcommon.NewResource()
	set := telemetry.Settings{BuildInfo: component.NewDefaultBuildInfo(), Resource: &resource}
	meters, err := own.CreateMeterProvider(t.Context(), telemetry.MeterSettings{Settings: set, Logger: zap.NewNop()}, config)
	require.NoError(t, err)
	require.NoError(t, meters.Shutdown(t.Context()))
	tracers, err := own.CreateTracerProvider(t.Context(), telemetry.TracerSettings{Settings: set, Logger: zap.NewNop()}, config)
	require.NoError(t, err)
	require.NoError(t, tracers.Shutdown(t.Context()))
}
