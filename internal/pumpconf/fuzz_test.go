package pumpconf

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/table"
)

// marker is in every secret of the fuzz tests.
const marker = "s3cr3tMarker"

// FuzzFile converts any text of a file: it must not panic, and what is printed must be
// YAML where something is printed at all.
func FuzzFile(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "*", "*.*"))
	require.NoError(f, err)
	for _, file := range files {
		if ext := filepath.Ext(file); ext != ".conf" && ext != ".json" {
			continue
		}
		text, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(string(text))
	}
	f.Add(`{"pumps": {"a\nb": {"type": "csv"}, "x_otelcol_tyk": {}}, "x_otelcol_tyk": {"skip": ["a"], "poll_interval": "1y"}}`)
	f.Fuzz(func(t *testing.T, text string) { readable(t, input(text+" ")) })
}

// FuzzEnvironment does the same with any variables.
func FuzzEnvironment(f *testing.F) {
	for _, c := range collected {
		if c.env != "" {
			f.Add(strings.Join(variables(f, c.env), "\n"))
		}
	}
	f.Add("TYK_PMP_PUMPS_P_TYPE=prometheus\nTYK_PMP_PUMPS_P_META_CUSTOMMETRICS=[{\"name\":1}]\nTYK_PMP_PUMPS_=x\nTYK_PMP_PUMPS__TYPE=csv")
	f.Fuzz(func(t *testing.T, lines string) {
		readable(t, input(`{"pumps": {"mongo": {"meta": {}}, "p": {"type": "prometheus", "meta": {"custom_metrics": [{}]}}}}`, strings.Split(lines, "\n")...))
	})
}

// readable converts, and reads the YAML as the collector would.
func readable(t *testing.T, in Input) {
	t.Helper()
	result := Convert(in)
	if !result.Settings.Readable {
		return
	}
	text := result.YAML()
	retrieved, err := confmap.NewRetrievedFromYAML([]byte(text))
	require.NoError(t, err, text)
	conf, err := retrieved.AsConf()
	require.NoError(t, err, text)
	require.True(t, conf.IsSet("service"), text)
}

// FuzzSecrets puts a secret wherever one may stand, in a form that is right or wrong, and
// looks for it in all that is printed.
func FuzzSecrets(f *testing.F) {
	for i := range secretForms {
		f.Add("", "", uint8(i), uint16(0))
		f.Add("p?", "@x", uint8(i), uint16(7))
		f.Add("p@h/", "$", uint8(i), uint16(40))
	}
	places := secretPlaces()
	f.Fuzz(func(t *testing.T, before, after string, form uint8, from uint16) {
		if strings.ContainsAny(before+after, " \t\n\r\v\f'\"\\\x00") {
			return // ends a value in some of the forms, so that the secret would be something else
		}
		secret := strings.ReplaceAll(secretForms[int(form)%len(secretForms)], "SECRET", before+marker+after)
		const looked = 12 // at places, since each takes two conversions
		for i := range looked {
			place := places[(int(from)+i)%len(places)]
			noSecret(t, input(place.file(secret)), place.name)
			if place.variable != "" {
				noSecret(t, input(place.file(""), place.variable+"="+secret), place.variable)
			}
		}
	})
}

// secretForms are values that hold a secret, in places where they belong and where not.
var secretForms = []string{
	"SECRET", "mongodb://user:SECRET@host/db", "mongodb://user:SECRET@", "mongodb://u:SECRET@x@host/db", "mongodb+srv://u:p?SECRET@host/db", "host=db password=SECRET dbname=x",
	"postgres://u:SECRET@host/db", "u:SECRET@tcp(host)/db", "https://user:SECRET@host:1", "redis://:SECRET@host:6379", "SECRET,b", "$kv{SECRET:x}x", "kv://SECRET/x", `"SECRET"`,
}

// TestNoSecretIsShown looks at all places, with each form.
func TestNoSecretIsShown(t *testing.T) {
	t.Parallel()
	places := secretPlaces()
	require.Greater(t, len(places), 60)
	for _, form := range secretForms {
		secret := strings.ReplaceAll(form, "SECRET", marker)
		for _, place := range places {
			noSecret(t, input(place.file(secret)), place.name)
			if place.variable != "" {
				noSecret(t, input(place.file(""), place.variable+"="+secret), place.variable)
			}
		}
	}
}

func noSecret(t *testing.T, in Input, place string) {
	t.Helper()
	result := Convert(in)
	require.NotContains(t, everything(result), marker, place)
	if result.Settings.Readable {
		require.NotContains(t, result.YAML(), marker, place)
	}
}

// secretPlace is a key that holds a secret, of one type of pump or outside of pumps.
type secretPlace struct {
	name, variable string
	file           func(secret string) string
}

func secretPlaces() []secretPlace {
	var all []secretPlace
	add := func(s *table.Section, file func(key, secret string) string) {
		for i := range s.Keys {
			if key := s.Keys[i]; key.Secret && key.Kind == table.Text {
				all = append(all, secretPlace{s.Path + " " + key.Name, key.Full(s.Prefix), func(secret string) string { return file(key.Name, secret) }})
			}
		}
	}
	object := func(fields map[string]any) string {
		text, err := json.Marshal(fields)
		if err != nil {
			panic(err)
		}
		return string(text)
	}
	add(table.Redis(), func(key, secret string) string {
		return object(map[string]any{"pumps": map[string]any{"dummy": map[string]any{}}, "analytics_storage_config": map[string]any{key: secret, "master_name": "m"}})
	})
	for _, sql := range []bool{true, false} {
		add(table.UptimeIn(sql), func(key, secret string) string {
			return object(map[string]any{"pumps": map[string]any{"dummy": map[string]any{}}, "uptime_pump_config": map[string]any{key: secret, "uptime_type": map[bool]string{true: "sql"}[sql], "type": "postgres"}})
		})
	}
	for _, kind := range table.Types() {
		for _, driver := range []string{"postgres", "mysql"} {
			add(kind.Section(), func(key, secret string) string {
				meta := map[string]any{}
				maps.Copy(meta, complete)
				if slices.Contains([]string{"sql", "sql_aggregate"}, kind.Name) || strings.HasPrefix(kind.Name, "sql-") {
					meta["type"] = driver
				}
				meta[key] = secret
				return object(map[string]any{"dont_purge_uptime_data": true, "pumps": map[string]any{"it": map[string]any{"type": kind.Name, "meta": meta}}})
			})
		}
	}
	return all
}

// complete is what the types need beside the secret.
var complete = map[string]any{
	"collection_name": "c", "broker": []string{"k:1"}, "topic": "t", "version": "7", "listen_address": ":1", "sasl_mechanism": "plain", "auth_api_key_id": "i", "auth_basic_username": "u",
}
