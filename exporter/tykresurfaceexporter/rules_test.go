package tykresurfaceexporter

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRulesAreParsed(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"allow_http_url # be careful":  "allow_http_url",
		"  skip_compression":           "skip_compression",
		"sample 1":                     "sample 1",
		"sample 99 # most":             "sample 99",
		"copy_session_field !A\\!|B!":  "copy_session_field ^A!|B$",
		"copy_session_field /^.*$/":    "copy_session_field ^.*$",
		"/a|b/remove":                  "^a|b$ remove",
		"|a\\|b\\|c| remove":           "^a|b|c$ remove",
		"!a\\!! stop":                  "^a!$ stop",
		"%a% remove_if %b%":            "^a$ remove_if ^b$",
		"~a~ remove_if_found |b\\|c|":  "^a$ remove_if_found b|c",
		"/a/ remove_unless /b/":        "^a$ remove_unless ^b$",
		"/a/ remove_unless_found !b!":  "^a$ remove_unless_found b",
		"/a/ stop_if /b/ # c":          "^a$ stop_if ^b$",
		"/a/ stop_if_found /b/":        "^a$ stop_if_found b",
		"/a/ stop_unless |b|":          "^a$ stop_unless ^b$",
		"/a/ stop_unless_found %b%":    "^a$ stop_unless_found b",
		"/a/ replace /b\\/c/, |d\\|e|": "^a$ replace b/c, d|e",
		"/a/ replace %b%,~~":           "^a$ replace b, ",
		"|a|b| remove":                 "", // the separator is not escaped
		"b":                            "",
		"/.*/ bozo":                    "",
		"/a":                           "",
		"/a/":                          "",
		"/a/ # 1":                      "",
		"//remove":                     "",
		"/*/ remove":                   "",
		"/(/ remove":                   "",
		"~a! remove":                   "",
		"remove":                       "",
		"allow_http_url whaa":          "",
		"/.*/ copy_session_field /1/":  "",
		"copy_session_field":           "",
		"copy_session_field /1/, /2/":  "",
		"copy_session_field /?/":       "",
		"/.*/ remove /1/":              "",
		"/.*/ remove_if":               "",
		"/.*/ remove_if blah":          "",
		"/.*/ remove_if //":            "",
		"/.*/ remove_if /+/":           "",
		"/.*/ remove_if_found /(.*))/": "",
		"/.*/ stop_unless /1/, /2/":    "",
		"/.*/ replace /1/":             "",
		"/.*/ replace /1/ /2/":         "",
		"/.*/ replace /1/, ":           "",
		"/.*/ replace /1/, /2":         "",
		"/.*/ replace /1/, /2/, /3/":   "",
		"sample":                       "",
		"sample 0":                     "",
		"sample 100":                   "",
		"sample 10.5":                  "",
		"sample 50 50":                 "",
		"sample /42/":                  "",
		"skip_compression whaa":        "",
	} {
		verb, parsed, err := parseRule(line)
		if want == "" {
			require.Error(t, err, line)
			continue
		}
		require.NoError(t, err, line)
		got := verb
		if parsed.scope != nil {
			got = parsed.scope.String() + " " + got
		}
		if parsed.value != nil {
			got += " " + parsed.value.String()
		}
		if verb == verbReplace {
			got += ", " + parsed.text
		}
		if verb == verbSample {
			got += " " + strconv.FormatUint(parsed.percent, 10)
		}
		assert.Equal(t, want, got, line)
	}
}

func TestSetsOfRules(t *testing.T) {
	t.Parallel()
	count := func(text string) map[string]int {
		r, err := parseRules(text)
		require.NoError(t, err, text)
		n := map[string]int{}
		for verb, list := range r {
			n[verb] = len(list)
		}
		return n
	}
	strict := map[string]int{verbReplace: 1, verbRemove: 1}
	for _, text := range []string{"", " \n\t", "include strict", "include default # ours"} {
		assert.Equal(t, strict, count(text), text)
	}
	assert.Equal(t, map[string]int{verbAllowHTTP: 1, verbCopySession: 1, verbSample: 1}, count("# mine\n\ninclude debug\r\nsample 50\r\n"))
	assert.Equal(t, map[string]int{verbReplace: 2, verbRemove: 1}, count("include standard"))
	assert.Empty(t, count("# nothing is changed"))
	file := filepath.Join(t.TempDir(), "rules.txt")
	require.NoError(t, os.WriteFile(file, []byte("include debug\nsample 55"), 0o600))
	assert.Len(t, count("file://"+file+" "), 3)

	for text, want := range map[string]string{
		"include all":                  `line 1, "include all": there is no such set: use debug, standard, strict or default`,
		"sample 1\nsample 2":           "sample is there more than once",
		"skip_submission":              "skip_submission would lose all records: leave the exporter out instead",
		"\n# x\n/a/ stopp\n/b/ remov/": `line 3, "/a/ stopp": there is no verb "stopp"`,
		"/a/ remove_if b":              `remove_if needs an expression behind it, such as /x/`,
		"/a/ replace /b/ /c/":          "replace needs a comma and another expression",
		"remove":                       "remove needs an expression before it, such as /request_body/",
		"/a/ sample 5":                 "sample takes no expression before it",
		"/a":                           "the expression that begins with / does not end with it",
		"/a/ remove it":                `"it" is too much`,
		"/[/ remove":                   "compile the regular expression: error parsing regexp: missing closing ]",
	} {
		_, err := parseRules(text)
		assert.ErrorContains(t, err, want)
	}
}

func TestRulesAreApplied(t *testing.T) {
	t.Parallel()
	whole := func() []pair {
		return []pair{
			{"request_method", "GET"},
			{"request_url", "http://h/a?b;c"},
			{"request_body", `{"mail":"me@example.com","card":"1234-5678-9012"}`},
			{"request_header:cookie", "a=b"},
			{"request_header:user-agent", "curl"},
			{"request_param:mail", "you@example.com"},
			{"request_param:x", "1"},
			{"response_header:content-type", "text/html"},
			{"response_header:content-length", "5"},
			{"response_header:set-cookie", "c=d"},
			{"response_body", "<html>SKIP</html>"},
			{"interval", "5"},
			{"empty", ""},
		}
	}
	all := []string{
		"request_method", "request_url", "request_body", "request_header:cookie", "request_header:user-agent", "request_param:mail", "request_param:x",
		"response_header:content-type", "response_header:content-length", "response_header:set-cookie", "response_body", "interval",
	}
	const comment = "# all\n"
	for _, c := range []struct {
		rules string
		gone  []string // of all; nil and stopped is nothing at all
		stops bool
	}{
		{rules: comment},
		{rules: "include strict", gone: []string{"request_body", "response_body", "request_param:mail", "request_param:x", "request_header:user-agent", "response_header:content-type", "response_header:content-length"}},
		{rules: "include standard", gone: []string{"request_header:cookie", "response_header:set-cookie"}},
		{rules: "/.*/ remove", stops: true},
		{rules: "/response_body/ remove_if /.*SKIP.*/", gone: []string{"response_body"}},
		{rules: "/response_body/ remove_if /SKIP/"},
		{rules: "/response_body/ remove_if_found /SKIP/", gone: []string{"response_body"}},
		{rules: "/request_param:.*/ remove_unless /1/", gone: []string{"request_param:mail"}},
		{rules: "/request_param:.*|request_body/ remove_unless_found /@/", gone: []string{"request_param:x"}},
		{rules: "/request_param:.*/ replace /.*/, //", gone: []string{"request_param:mail", "request_param:x"}},
		{rules: "/request_header:cookie/ stop", stops: true},
		{rules: "/request_header:cooki/ stop"},
		{rules: "/response_body/ stop_if /SKIP/"},
		{rules: "/response_body/ stop_if_found /SKIP/", stops: true},
		{rules: "/request_method/ stop_if /GET/", stops: true},
		{rules: "/request_method/ stop_unless /GET/"},
		{rules: "/request_method/ stop_unless /PUT/", stops: true},
		{rules: "/request_header:.*/ stop_unless_found /./"}, // two details match, and one is enough
		{rules: "/request_method/ stop_unless /GET/\n/none/ stop_unless_found /x/", stops: true},
	} {
		r, err := parseRules(c.rules)
		require.NoError(t, err)
		got := r.apply(whole(), "seg:1")
		if c.stops {
			assert.Empty(t, got, c.rules)
			continue
		}
		var names []string
		for _, p := range got {
			names = append(names, p.name)
		}
		var want []string
	next:
		for _, name := range all {
			for _, gone := range c.gone {
				if name == gone {
					continue next
				}
			}
			want = append(want, name)
		}
		assert.Equal(t, want, names, c.rules)
	}

	value := func(rules, name string) string {
		r, err := parseRules(rules)
		require.NoError(t, err)
		for _, p := range r.apply(whole(), "seg:1") {
			if p.name == name {
				return p.value
			}
		}
		return ""
	}
	assert.Equal(t, "http://h/a", value("", "request_url"))
	body := `{"mail":"x@y.com","card":"xyxy"}`
	assert.Equal(t, body, value("include standard", "request_body"))
	assert.Equal(t, "x@y.com", value("include standard", "request_param:mail"))
	assert.Equal(t, "<html>[SKIP]</html>", value("/response_body/ replace /(SK..)/, /[$1]/", "response_body"))
}

func TestSamplesGoByTheIdentity(t *testing.T) {
	t.Parallel()
	r, err := parseRules("sample 25")
	require.NoError(t, err)
	taken := 0
	const n = 10_000
	for i := range n {
		one := r.apply([]pair{{"a", "b"}}, strconv.Itoa(i))
		assert.Equal(t, one, r.apply([]pair{{"a", "b"}}, strconv.Itoa(i)))
		taken += len(one)
	}
	assert.InDelta(t, n/4, taken, n/50)
}

func FuzzRules(f *testing.F) {
	for _, line := range []string{"/a/ replace /b/, /$1/", "sample 5", "|a\\|b| stop # c", "include debug", "/(/ remove", "!a"} {
		f.Add(line, "request_body", "value")
	}
	f.Fuzz(func(_ *testing.T, text, name, value string) {
		if r, err := parseRules("# " + "\n" + text); err == nil {
			r.apply([]pair{{name, value}, {"request_url", value}}, name)
		}
	})
}
