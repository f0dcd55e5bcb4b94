package tykfilterprocessor

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

func TestAnIDThatNeverOccursIsSaidOnce(t *testing.T) {
	t.Parallel()
	for name, allowed := range map[string]struct {
		orgs []string
		want int
	}{"misspelt": {[]string{"acme "}, 1}, "right": {[]string{"acme"}, 0}, "none": {nil, 0}} {
		synctest.Test(t, func(t *testing.T) {
			core, logs := observer.New(zap.WarnLevel)
			set := componenttest.NewNopTelemetrySettings()
			set.Logger = zap.New(core)
			cfg := createDefaultConfig().(*Config)
			cfg.OrgIDs = allowed.orgs
			p, err := newLogsProcessor(cfg, set)
			require.NoError(t, err)
			for range 5 {
				batch := plog.NewLogs()
				attrs := batch.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Attributes()
				attrs.PutStr(analytics.AttrAPIID, "one")
				attrs.PutStr(analytics.AttrOrgID, "acme")
				_, _ = p.process(t.Context(), batch)
				time.Sleep(unmatchedFor / 2)
			}
			require.Len(t, logs.All(), allowed.want, name)
			for _, entry := range logs.All() {
				assert.Equal(t, int64(3), entry.ContextMap()["records"])
				assert.Equal(t, []any{"acme"}, entry.ContextMap()["organisations_that_occur"])
				assert.Equal(t, []any{"one"}, entry.ContextMap()["apis_that_occur"])
			}
		})
	}
}
