package sandbox

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf"
	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/settings"
)

func loaded(t *testing.T, file string, env map[string]string) *settings.Settings {
	t.Helper()
	r := pumpconf.Convert(pumpconf.Input{Source: settings.Source{Name: "pump.conf", Text: []byte(file), Env: env}, Zone: pumpconf.Zone{Name: "UTC"}})
	require.False(t, r.Refused(), r.Summary())
	return r.Settings
}

var side = Side{Suffix: "_shadow", Redis: Redis{Host: "sandbox", Port: 6380, Database: 1, Password: "pw"}, HealthPort: 1234}

func TestOnlyAddressesAreDerived(t *testing.T) {
	t.Parallel()
	b, err := Derive(loaded(t, `{"purge_delay": 7, "purge_chunk": 100, "analytics_storage_config": {"host": "real", "port": 6379, "password": "real"},
		"uptime_pump_config": {"uptime_type": "sql", "type": "postgres", "connection_string": "host=db dbname=tyk user=u"},
		"pumps": {
		"sql": {"type": "sql", "filters": {"skip_api_ids": ["a"]}, "max_record_size": 5, "meta": {"type": "postgres", "connection_string": "host=db dbname=tyk user=u password=real", "table_sharding": true}},
		"agg": {"type": "sql_aggregate", "meta": {"type": "mysql", "connection_string": "u:p@tcp(db:3306)/tyk?parseTime=true", "track_all_paths": true}},
		"mongo": {"type": "mongo", "meta": {"mongo_url": "mongodb://u:p@m:27017/tyk", "collection_name": "c"}},
		"csv": {"type": "csv", "meta": {"csv_dir": "/real"}}}}`, map[string]string{"TYK_PMP_PUMPS_SQL_META_CONNECTIONSTRING": "postgres://u:p@db/other?sslmode=disable"}), side)
	require.NoError(t, err)
	var c map[string]any
	require.NoError(t, json.Unmarshal(b.Config, &c))
	assert.EqualValues(t, 7, c["purge_delay"])
	assert.EqualValues(t, 100, c["purge_chunk"])
	assert.Equal(t, map[string]any{"type": "redis", "host": "sandbox", "port": 6380.0, "database": 1.0, "username": "", "password": "pw"}, c["analytics_storage_config"])
	pumps := map[string]any{}
	for name, pump := range c["pumps"].(map[string]any) {
		pumps[strings.ToLower(name)] = pump
	}
	assert.Len(t, pumps, 3)
	sql := pumps["sql"].(map[string]any)
	assert.Equal(t, map[string]any{"skip_api_ids": []any{"a"}}, sql["filters"])
	assert.EqualValues(t, 5, sql["max_record_size"])
	assert.Equal(t, map[string]any{"type": "postgres", "connection_string": "postgres://u:p@db/other?search_path=public_shadow&sslmode=disable", "table_sharding": true}, sql["meta"])
	assert.Equal(t, "u:p@tcp(db:3306)/tyk_shadow?parseTime=true", pumps["agg"].(map[string]any)["meta"].(map[string]any)["connection_string"])
	assert.Equal(t, map[string]any{"mongo_url": "mongodb://u:p@m:27017/tyk_shadow?authSource=tyk", "collection_name": "c"}, pumps["mongo"].(map[string]any)["meta"])
	assert.Equal(t, "host=db dbname=tyk user=u search_path=public_shadow", c["uptime_pump_config"].(map[string]any)["connection_string"])
	assert.NotContains(t, string(b.Config), "real")
	require.Len(t, b.Skipped, 1)
	assert.Contains(t, b.Skipped[0], "csv")
	var labels []string
	for _, s := range b.Stores {
		labels = append(labels, s.Label)
		assert.NotContains(t, s.Label, "u:p")
	}
	assert.ElementsMatch(t, []string{"PostgreSQL db, database other, schema public_shadow", "MySQL db:3306, database tyk_shadow", "MongoDB m:27017, database tyk_shadow", "PostgreSQL db, database tyk, schema public_shadow"}, labels)
}

func TestAnAddressThatWouldBeTheRealOneIsRefused(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 60)
	for name, derive := range map[string]func() (Store, error){
		"no suffix":        func() (Store, error) { return sqlStore("postgres", "host=db dbname=tyk", "") },
		"an odd suffix":    func() (Store, error) { return sqlStore("postgres", "host=db dbname=tyk", `";drop`) },
		"a long schema":    func() (Store, error) { return sqlStore("postgres", "host=db dbname=tyk search_path="+long, "_shadow") },
		"a long database":  func() (Store, error) { return sqlStore("mysql", "u@tcp(db)/"+long, "_shadow") },
		"no database":      func() (Store, error) { return mongoStore("mongodb://host", "_shadow") },
		"no DSN":           func() (Store, error) { return sqlStore("postgres", "host=secret port=secret", "_shadow") },
		"no suffix, Mongo": func() (Store, error) { return mongoStore("mongodb://host/db", "") },
	} {
		_, err := derive()
		require.Error(t, err, name)
		assert.NotContains(t, err.Error(), "secret", name)
	}
	_, err := Derive(loaded(t, `{"dont_purge_uptime_data": true, "pumps": {"csv": {"type": "csv", "meta": {"csv_dir": "/real"}}}}`, nil), side)
	require.ErrorContains(t, err, "no pump has a store that can be compared")
}
