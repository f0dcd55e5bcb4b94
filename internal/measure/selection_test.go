package measure

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/selection"
)

func TestOnlyWhatIsWantedCounts(t *testing.T) {
	t.Parallel()
	all := pumpRecords(t)
	const api = "users"
	settings := roomy()
	settings.Only = selection.Lists{APIIDs: []string{api}, SkipResponseCodes: []int64{404}}
	got, _ := collect(count(TykPump(AllPaths), settings, all), epoch.Add(time.Minute))

	wanted := slices.DeleteFunc(slices.Clone(all), func(r analytics.Record) bool { return r.APIID != api || r.ResponseCode == 404 })
	assert.NotEmpty(t, wanted)
	want, _ := collect(count(TykPump(AllPaths), roomy(), wanted), epoch.Add(time.Minute))
	assert.Equal(t, lines(want), lines(got))
	metrics := map[string]bool{}
	for _, m := range got.All() {
		metrics[m.Name()] = true
	}
	assert.True(t, metrics["tyk_http_status_per_key"] && metrics["tyk_http_status_per_oauth_client"], "they have no label of the API")
}

func TestIgnoredFieldsAreEmptyLabels(t *testing.T) {
	t.Parallel()
	all := pumpRecords(t)
	settings := roomy()
	settings.Ignored, _ = analytics.ParseFields([]string{"api_key", "path"})
	got, _ := collect(count(TykPump(AllPaths), settings, all), epoch.Add(time.Minute))

	kept := slices.Clone(all)
	for i := range all {
		all[i].Clear(settings.Ignored)
	}
	want, _ := collect(count(TykPump(AllPaths), roomy(), all), epoch.Add(time.Minute))
	assert.Equal(t, lines(want), lines(got))
	assert.True(t, slices.ContainsFunc(kept, func(r analytics.Record) bool { return r.APIKey != "" }), "the records themselves stay whole")
}
