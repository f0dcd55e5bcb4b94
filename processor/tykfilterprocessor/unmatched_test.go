package tykfilterprocessor

import (
	"strconv"
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
			for i := range 5 {
				batch := plog.NewLogs()
				attrs := batch.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Attributes()
				attrs.PutStr(analytics.AttrAPIID, strconv.Itoa(i))
				attrs.PutStr(analytics.AttrOrgID, "acme")
				_, _ = p.process(t.Context(), batch)
				time.Sleep(unmatchedFor / 2)
			}
			require.Len(t, logs.All(), allowed.want, name)
			for _, entry := range logs.All() {
				assert.Equal(t, int64(3), entry.ContextMap()["records"])
				assert.Equal(t, []any{"acme"}, entry.ContextMap()["organisations_that_occur"])
				assert.Equal(t, []any{"0", "1", "2"}, entry.ContextMap()["apis_that_occur"], "those of all batches")
				assert.Equal(t, "No record has passed api_ids and org_ids yet: is an id misspelt?", entry.Message)
			}
		})
	}
}

func TestListsOtherThanOfIDsAreNotCalledMisspelt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.WarnLevel)
		set := componenttest.NewNopTelemetrySettings()
		set.Logger = zap.New(core)
		cfg := createDefaultConfig().(*Config)
		cfg.OrgIDs, cfg.SkipAPIIDs = []string{"globex"}, []string{"one"}
		p, err := newLogsProcessor(cfg, set)
		require.NoError(t, err)
		for _, api := range []string{"one", "one", "two", "one"} {
			batch := plog.NewLogs()
			attrs := batch.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Attributes()
			attrs.PutStr(analytics.AttrAPIID, api)
			attrs.PutStr(analytics.AttrOrgID, "acme")
			_, _ = p.process(t.Context(), batch)
			time.Sleep(unmatchedFor)
		}
		require.Len(t, logs.All(), 1)
		assert.Equal(t, map[string]int64{"skip_api_ids": 3, "org_ids": 1}, logs.All()[0].ContextMap()["kept_by"])
		assert.Contains(t, logs.All()[0].Message, "No record has passed yet: kept_by tells")
	})
}
