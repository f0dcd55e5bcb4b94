package tykconsoleconverter

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
)

func convert(t *testing.T, of map[string]any) map[string]any {
	t.Helper()
	conf := confmap.NewFromStringMap(of)
	require.NoError(t, NewFactory().Create(confmap.ConverterSettings{}).Convert(t.Context(), conf))
	extensions, _ := conf.Get("extensions").(map[string]any)
	return extensions
}

func configuration(console any) map[string]any {
	return map[string]any{
		"receivers":  map[string]any{"tykredis": map[string]any{"addresses": []any{"redis:6379"}, "password": "secret", "group": "a"}, "tykredis/unused": map[string]any{"password": "other"}},
		"exporters":  map[string]any{"tyksql": map[string]any{"driver": "mysql", "datasource": "user:secret@tcp(db)/tyk", "mysql": map[string]any{"tls": map[string]any{"key_pem": "key"}}}, "tyksql/b": map[string]any{"datasource": "b"}},
		"extensions": map[string]any{"tykconsole": console, "tykhealth": nil},
		"service":    map[string]any{"pipelines": map[string]any{"logs": map[string]any{"receivers": []any{"tykredis"}, "exporters": []any{"tyksql"}}}},
	}
}

func TestConsolesAreLetIn(t *testing.T) {
	t.Parallel()
	got := convert(t, configuration(nil))
	assert.Equal(t, map[string]any{
		"store": map[string]any{"datasource": "user:secret@tcp(db)/tyk", "mysql": map[string]any{"tls": map[string]any{"key_pem": "key"}}},
		"redis": map[string]any{"connection": map[string]any{"addresses": []any{"redis:6379"}, "password": "secret"}},
	}, got["tykconsole"])
	assert.Nil(t, got["tykhealth"])
}

// Receivers of another Redis are let in, too, unless the lists of one are wanted.
func TestConsolesAreLetIntoEachRedis(t *testing.T) {
	t.Parallel()
	of := configuration(nil)
	receivers := of["receivers"].(map[string]any)
	receivers["tykredis/same"] = map[string]any{"addresses": []any{"redis:6379"}, "password": "secret", "group": "b"}
	receivers["tykredis/other"] = map[string]any{"addresses": []any{"other:6379"}, "password": "third"}
	of["service"].(map[string]any)["pipelines"].(map[string]any)["logs"].(map[string]any)["receivers"] = []any{"tykredis", "tykredis/same", "tykredis/other"}
	other := map[string]any{"addresses": []any{"other:6379"}, "password": "third"}
	assert.Equal(t, map[string]any{"connection": map[string]any{"addresses": []any{"redis:6379"}, "password": "secret"}, "connections": map[string]any{"tykredis/other": other}}, convert(t, of)["tykconsole"].(map[string]any)["redis"])
	of["extensions"].(map[string]any)["tykconsole"] = map[string]any{"redis": map[string]any{"receiver": "tykredis/other"}}
	assert.Equal(t, map[string]any{"receiver": "tykredis/other", "connection": other}, convert(t, of)["tykconsole"].(map[string]any)["redis"])
}

func TestWhatIsSetStays(t *testing.T) {
	t.Parallel()
	console := map[string]any{"store": map[string]any{"datasource": "replica"}, "redis": map[string]any{"connection": map[string]any{"username": "looker"}}}
	assert.Equal(t, console, convert(t, configuration(console))["tykconsole"])
	named := convert(t, configuration(map[string]any{"store": map[string]any{"exporter": "tyksql/b"}, "redis": map[string]any{"receiver": "tykredis/unused"}}))["tykconsole"].(map[string]any)
	assert.Equal(t, map[string]any{"exporter": "tyksql/b", "datasource": "b"}, named["store"])
	assert.Equal(t, map[string]any{"receiver": "tykredis/unused", "connection": map[string]any{"password": "other"}}, named["redis"])
}

func TestOddConfigurationsAreLeftAlone(t *testing.T) {
	t.Parallel()
	for _, of := range []map[string]any{{}, {"extensions": map[string]any{"tykconsole": "x"}}, {"extensions": []any{"tykconsole"}}, {"extensions": map[string]any{"tykconsole": map[string]any{"store": 3}}, "service": 4}} {
		assert.NotPanics(t, func() { convert(t, of) })
	}
}

// What the collector refuses must get to it: merged over, it would be gone.
func TestTextsAndListsAreLeftToTheCollector(t *testing.T) {
	t.Parallel()
	for _, console := range []any{
		"redis://u:pw@h", []any{map[string]any{"store": nil}}, map[string]any{"store": "x", "redis": []any{"y"}},
	} {
		assert.Equal(t, console, convert(t, configuration(console))["tykconsole"])
	}
	of := configuration(map[string]any{"store": "x", "redis": map[string]any{"connection": 1, "connections": "y"}})
	of["receivers"].(map[string]any)["tykredis/other"] = map[string]any{"addresses": []any{"other:6379"}}
	of["service"].(map[string]any)["pipelines"].(map[string]any)["logs"].(map[string]any)["receivers"] = []any{"tykredis", "tykredis/other"}
	assert.Equal(t, of["extensions"].(map[string]any)["tykconsole"], convert(t, of)["tykconsole"])
}

func TestConsolesThatCannotTellTheirStoreAreRefused(t *testing.T) {
	t.Parallel()
	for want, console := range map[string]any{
		"extensions::tykconsole::store::exporter: is empty, and there are tyksql, tyksql/b":  nil,
		`extensions::tykconsole::store::exporter: there is no exporter "tyksql/c"`:           map[string]any{"store": map[string]any{"exporter": "tyksql/c"}},
		`extensions::tykconsole::store::exporter: there is no exporter "postgres://h/d"`:     map[string]any{"store": map[string]any{"exporter": "postgres://u:s3cret@h/d"}},
		"extensions::tykconsole::store::datasource: the value (not shown, it may hold a pas": map[string]any{"store": map[string]any{"exporter": "tyksql", "datasource": "mongodb://u:s3cret@h/d"}},
		`extensions::tykconsole::redis::connections: there is no receiver "tykredis/y"`:      map[string]any{"store": map[string]any{"exporter": "tyksql"}, "redis": map[string]any{"connections": map[string]any{"tykredis/y": map[string]any{}}}},
		`extensions::tykconsole::redis::receiver: there is no receiver "tykredis/x"`:         map[string]any{"store": map[string]any{"exporter": "tyksql"}, "redis": map[string]any{"receiver": "tykredis/x"}},
	} {
		of := configuration(console)
		of["service"] = map[string]any{"extensions": []any{"tykconsole"}, "pipelines": map[string]any{"logs": map[string]any{"receivers": []any{"tykredis"}, "exporters": []any{"tyksql", "tyksql/b"}}}}
		conf := confmap.NewFromStringMap(of)
		require.ErrorContains(t, NewFactory().Create(confmap.ConverterSettings{}).Convert(t.Context(), conf), want)
		delete(of["service"].(map[string]any), "extensions")
		assert.NoError(t, NewFactory().Create(confmap.ConverterSettings{}).Convert(t.Context(), confmap.NewFromStringMap(of)), "one that is not in use is left alone")
	}
}
