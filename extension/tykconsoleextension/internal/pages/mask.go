package pages

import (
	"regexp"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
	"github.com/otelcol-tyk/otelcol-tyk/internal/console/view"
)

// noKey is what gateways write for requests without a key.
const noKey = "00000000"

// hasNoKey tells whether a request came without a key that was known.
func hasNoKey(key string) bool { return key == "" || key == noKey }

// keyText is a key as it may be shown.
func (s *Site) keyText(key string) string {
	const shown, least = 4, 12
	switch {
	case hasNoKey(key):
		return ""
	case s.Keys == "shown":
		return view.Visible(key)
	case s.Keys == "aliases":
		return ""
	case len(key) < least:
		return "…"
	default:
		return view.Visible(view.Middle(key, shown, shown))
	}
}

// secretTags begin tags that say again what is masked, or stands elsewhere.
var secretTags = []string{"key-", "org-", "api-", "trace-id-"}

// tags are those of a record that may be shown, and its trace's id.
func tags(all []string) (shown []string, trace string) {
	for _, tag := range all {
		hidden := false
		for _, prefix := range secretTags {
			hidden = hidden || strings.HasPrefix(tag, prefix)
		}
		if id, ok := strings.CutPrefix(tag, "trace-id-"); ok && traceForm.MatchString(id) {
			trace = strings.ToLower(id)
		}
		if !hidden {
			shown = append(shown, view.Visible(tag))
		}
	}
	return shown, trace
}

// secretName is a name whose value is hidden wherever it is shown.
var secretName = regexp.MustCompile(`(?i)(^|[^a-z])(authorization|proxy-authorization|cookie|set-cookie)$|passw(or)?d|secret|token|api[_-]?key|x-api-key|authorization|session|credential|private[_-]?key`)

// hiddenText stands where a value was.
const (
	hiddenHere   = "hidden by the console"
	hiddenStored = "redacted before it was stored"
)

// redactedForm is what tykfilter leaves of a value.
var redactedForm = regexp.MustCompile(`(?i)^\s*(\[?redacted\]?|\*{3,})\s*$`)

// queryValue finds the values of a query's parameters.
var queryValue = regexp.MustCompile(`([?&;]|^)([^=&;?#\s]{1,200})=([^&;#\s]*)`)

// pathText is a path without the values of parameters that are named as secrets are.
func pathText(path string) string {
	at := strings.IndexByte(path, '?')
	if at < 0 {
		return view.Visible(path)
	}
	return view.Visible(path[:at] + maskQuery(path[at:]))
}

func maskQuery(text string) string {
	return queryValue.ReplaceAllStringFunc(text, func(found string) string {
		m := queryValue.FindStringSubmatch(found)
		if !secretName.MatchString(m[2]) || m[3] == "" {
			return found
		}
		return m[1] + m[2] + "=…"
	})
}

// maskRecord takes from a record what no form of an answer shows. Bodies have rules of their own.
func (s *Site) maskRecord(r query.Record) query.Record {
	key := r.APIKey
	r.APIKey = s.keyText(key)
	if hasNoKey(key) {
		r.APIKey = key
	}
	r.Path, r.RawPath, r.OriginalPath = pathText(r.Path), pathText(r.RawPath), pathText(r.OriginalPath)
	r.Host, r.Method, r.UserAgent, r.IPAddress = view.Visible(r.Host), view.Visible(r.Method), view.Visible(r.UserAgent), view.Visible(r.IPAddress)
	r.APIName, r.Alias, r.APIVersion = view.Visible(r.APIName), view.Visible(r.Alias), view.Visible(r.APIVersion)
	if s.Keys != "shown" && r.OauthID != "" {
		r.OauthID = view.Visible(view.Middle(r.OauthID, 4, 4))
	}
	if key != "" && s.Keys != "shown" && !hasNoKey(key) {
		for _, field := range []*string{&r.Path, &r.RawPath, &r.OriginalPath, &r.Alias, &r.UserAgent} {
			*field = strings.ReplaceAll(*field, key, "…")
		}
	}
	r.Tags, _ = tags(r.Tags)
	r.RawRequest, r.RawResponse = "", ""
	return r
}
