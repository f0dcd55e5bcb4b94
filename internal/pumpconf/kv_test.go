package pumpconf

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// withStore is a file whose store s has what variables say that begin with S_.
func withStore(text string) string {
	return strings.Replace(text, "{", `{"kv": {"stores": {"s": {"type": "env", "config": {"prefix": "S_"}}}}, `, 1)
}

// TestReferencesInsideOfObjects has them in the elements of a list of objects.
func TestReferencesInsideOfObjects(t *testing.T) {
	t.Parallel()
	r := converted(t, withStore(pumps(goodProm+`, "custom_metrics": [{"name": "tyk_c", "help": "$kv{s:H}", "metric_type": "counter", "labels": ["kv://s/L"]}]}}`)), "S_H=Hunter2", "S_L=api_id")
	assert.NotContains(t, r.YAML(), "$kv")
	assert.NotContains(t, r.YAML()+told(r), password)
	metric := at(t, r, "receivers::tykredis/prometheus::metrics::custom_metrics").([]any)[0].(map[string]any)
	assert.Equal(t, password, metric["help"])
	assert.Equal(t, []any{"api_id"}, metric["labels"])
	assert.Contains(t, told(Convert(input(withStore(pumps(goodProm+`, "custom_metrics": [{"name": "kv://none/N"}]}}`))))), "refers to a store that kv.stores does not have (it has s)")
}

// TestATypeMayBeAReference has one in the file and one in a variable.
func TestATypeMayBeAReference(t *testing.T) {
	t.Parallel()
	r := converted(t, withStore(pumps(`"x": {"type": "kv://s/T", "meta": {"csv_dir": "/c"}}`)), "S_T=csv", "TYK_PMP_PUMPS_Y_TYPE=$kv{s:D}", "S_D=dummy")
	assert.Contains(t, at(t, r, "exporters"), "tykcsv/x")
	assert.Contains(t, at(t, r, "exporters"), "nop/y")
	for text, want := range map[string]string{
		"kv://s/T":    `ERROR pumps.x.type (variable TYK_PMP_PUMPS_X_TYPE): type (not shown) of pump x does not exist.`,
		"kv://none/T": `ERROR pumps.x.type (variable TYK_PMP_PUMPS_X_TYPE): refers to a store that kv.stores does not have (it has s)`,
	} {
		r = Convert(input(withStore(pumps(`"x": {"type": "`+text+`"}`)), "S_T=Hunter2"))
		assert.Contains(t, told(r), want)
		assert.NotContains(t, told(r), password)
	}
}

func TestKeysOfKVThatNothingReads(t *testing.T) {
	t.Parallel()
	r := Convert(input(`{"kv": {"store": {}, "foo": 1, "Cache": {}}}`))
	assert.Contains(t, told(r), "WARN kv.store: is read by nothing; stores is meant?\nWARN kv.foo: is read by nothing\n")
	assert.NotContains(t, told(r), "kv.Cache: is read")
}
