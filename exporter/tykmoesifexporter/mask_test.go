package tykmoesifexporter

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/rawhttp"
)

func TestMasksReplaceValuesAndNothingElse(t *testing.T) {
	t.Parallel()
	n := newNames([]string{"Password", "token"})
	for body, want := range map[string]string{
		`{"a": 1, "password" : "x" , "b":2}`:               `{"a": 1, "password" : "*****" , "b":2}`,
		`{"PASSWORD":{"a":[1,2]},"b":{"ToKen":null}}`:      `{"PASSWORD":"*****","b":{"ToKen":"*****"}}`,
		`[{"token":1},[{"token":[]}], "token", 7]`:         `[{"token":"*****"},[{"token":"*****"}], "token", 7]`,
		`{"pass\u0077ord":"x","n":12345678901234567890.0}`: `{"pass\u0077ord":"*****","n":12345678901234567890.0}`,
		"  {\"a\":\"token\"}\n":                            "  {\"a\":\"token\"}\n",
		"{\"token\":1}\n{\"token\":2}\n":                   "{\"token\":\"*****\"}\n{\"token\":\"*****\"}\n",
		"\ufeff{\"token\":1}":                              `{"token":"*****"}`,
		`{"a":{},"b":[],"token":true}`:                     `{"a":{},"b":[],"token":"*****"}`,
		`{"a":[{"b":{"token":"x"}},{"token":"y"}],"c":1}`:  `{"a":[{"b":{"token":"*****"}},{"token":"*****"}],"c":1}`,
		// What is cut, or stops being JSON, ends there.
		`{"token":"x`:                  `{"token":"*****"`,
		`{"token":`:                    `{"token":"*****"`,
		`{"a":1,"token":"x"} trailing`: `{"a":1,"token":"*****"} `,
		`{"a":1,tok`:                   `{"a":1,`,
		`{"a" "token":"x"}`:            `{"a" `,
		`{token:"x"}`:                  `{`,
		"{\"b\":\"\xff\",\"token\":1}": "{\"b\":\"\xff\",\"token\":\"*****\"}",
		"{\"b\":\"\xff\",token:1}":     "{\"b\":\"\xff\",",
		// Others have no members.
		`"token"`:                `"token"`,
		"404 page not found":     "404 page not found",
		"{\x00\xff\xfe\xff\xfe}": "{\x00\xff\xfe\xff\xfe}",
		"":                       "",
		"token=x&a=b":            "token=x&a=b",
	} {
		got, found := n.content(&rawhttp.Message{Body: []byte(body), HasBody: true})
		assert.True(t, found)
		assert.Equal(t, want, string(got), body)
	}
	form := rawhttp.Message{
		Headers: []rawhttp.Header{{Name: "content-type", Value: "application/x-www-form-urlencoded; charset=utf-8"}},
		Body:    []byte("a=b&TOKEN=x%20y&pass%77ord=1&%zz=2&token"), HasBody: true,
	}
	got, _ := n.content(&form)
	assert.Equal(t, "a=b&TOKEN=*****&pass%77ord=*****&%zz=2&token=*****", string(got))
	_, found := n.content(&rawhttp.Message{})
	assert.False(t, found)
}

// A body that was compressed hides nothing.
func TestMasksReachIntoCompressedBodies(t *testing.T) {
	t.Parallel()
	n := newNames([]string{"token"})
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := w.Write([]byte(`{"token":"x"}`))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	m := rawhttp.Message{Headers: []rawhttp.Header{{Name: "Content-Encoding", Value: "gzip"}}, Body: packed.Bytes(), HasBody: true}
	got, found := n.content(&m)
	assert.True(t, found)
	want := `{"token":"*****"}`
	assert.Equal(t, want, string(got))
	got, _ = newNames(nil).content(&m)
	assert.Equal(t, packed.Bytes(), got, "without masks it goes as it was recorded")
	m.Headers[0].Value = "compress"
	_, found = n.content(&m)
	assert.False(t, found, "nobody knows what is in it")
}

func FuzzMasks(f *testing.F) {
	for _, body := range []string{`{"a":{"secret":1}}`, `[{"secret":[{"secret":2}]}]`, `{"secret"`, "[[[[", "{\"secret\":1}\n[1]", "x"} {
		f.Add([]byte(body))
	}
	n := newNames([]string{"secret"})
	f.Fuzz(func(t *testing.T, body []byte) {
		got, _ := n.content(&rawhttp.Message{Body: body, HasBody: true})
		var before, after any
		if json.Unmarshal(body, &before) != nil {
			return
		}
		require.NoError(t, json.Unmarshal(got, &after), "%s", got)
		require.Equal(t, hide(before), after)
	})
}

// hide is what masking means, on values.
func hide(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key := range v {
			if newNames([]string{"secret"}).has(key) {
				v[key] = masked
			} else {
				v[key] = hide(v[key])
			}
		}
	case []any:
		for i := range v {
			v[i] = hide(v[i])
		}
	}
	return value
}
