package tykresurfaceexporter

import (
	"cmp"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/jsontext"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rawhttp"
)

// encoder makes messages of records.
type encoder struct {
	rules        rules
	scheme, host string
	maxBody      int64
}

// append appends the message of a record, whose identity may be empty, as a line, unless rules leave it out.
func (e *encoder) append(dst []byte, r *analytics.Record, uid string) (line []byte, taken bool) {
	message := e.message(r)
	message = e.rules.apply(message, cmp.Or(uid, r.TimeStamp.String()+r.APIKey+r.Path))
	if len(message) == 0 {
		return dst, false
	}
	message = append(message, customFields(r, uid)...)
	message = append(message, pair{"host", e.host})
	dst = append(dst, '[')
	for i, p := range message {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = jsontext.AppendString(append(dst, '['), p.name)
		dst = jsontext.AppendString(append(dst, ','), p.value)
		dst = append(dst, ']')
	}
	return append(dst, "]\n"...), true
}

// message has the details that rules apply to.
func (e *encoder) message(r *analytics.Record) []pair {
	request, response := rawhttp.Parse(r.RawRequest), rawhttp.Parse(r.RawResponse)
	if r.IPAddress != "" && request.Header("X-Forwarded-For") == "" {
		request.Headers = append(request.Headers, rawhttp.Header{Name: "X-Forwarded-For", Value: r.IPAddress})
	}
	words := strings.Fields(request.Line)
	location, query := e.location(r, &request, words)
	body := e.body(&request)
	message := []pair{
		{"request_method", cmp.Or(r.Method, word(words, 0))},
		{"request_url", location},
		{"response_code", code(r.ResponseCode, strings.Fields(response.Line))},
		{"request_body", body},
	}
	message = appendHeaders(message, "request_header:", request.Headers)
	if kind, _, _ := strings.Cut(request.Header("Content-Type"), ";"); strings.EqualFold(strings.TrimSpace(kind), "application/x-www-form-urlencoded") {
		message = appendParameters(message, body)
	}
	message = appendParameters(message, query)
	message = appendHeaders(message, "response_header:", response.Headers)
	message = append(message, pair{"response_body", e.body(&response)})
	message = e.appendSession(message, &request)
	if !r.TimeStamp.IsZero() {
		message = append(message, pair{"now", strconv.FormatInt(r.TimeStamp.UnixMilli(), 10)})
	}
	return append(message, pair{"interval", strconv.FormatInt(r.RequestTime, 10)})
}

// word is one of a line's, or empty.
func word(words []string, at int) string {
	if at >= len(words) {
		return ""
	}
	return words[at]
}

// code is the response's status, or that of the status line where a record has none.
func code(recorded int64, words []string) string {
	if recorded == 0 {
		if status, err := strconv.ParseInt(word(words, 1), 10, 64); err == nil {
			recorded = status
		}
	}
	return strconv.FormatInt(recorded, 10)
}

// location is the request's URL, decoded, and its query.
func (e *encoder) location(r *analytics.Record, request *rawhttp.Message, words []string) (location, query string) {
	targetPath, targetQuery, _ := strings.Cut(word(words, 1), "?")
	path, query, _ := strings.Cut(cmp.Or(r.RawPath, targetPath, r.Path), "?")
	query = cmp.Or(targetQuery, query)
	if strings.Contains(path, "://") {
		if query != "" {
			return path + "?" + query, query
		}
		return path, query
	}
	if decoded, err := url.PathUnescape(path); err == nil {
		path = decoded
	}
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	scheme, _, _ := strings.Cut(strings.ToLower(request.Header("X-Forwarded-Proto")), ",")
	if scheme != schemeHTTP && scheme != schemeHTTPS {
		scheme = e.scheme
	}
	return scheme + "://" + cmp.Or(r.Host, request.Header("Host")) + path, query
}

// body is a body's text, without content coding. There is none of what cannot be decoded.
func (e *encoder) body(m *rawhttp.Message) string {
	content, err := m.Content(e.maxBody)
	if err != nil {
		return ""
	}
	return string(content)
}

func appendHeaders(message []pair, prefix string, headers []rawhttp.Header) []pair {
	for _, h := range headers {
		message = append(message, pair{prefix + strings.ToLower(h.Name), h.Value})
	}
	return message
}

// appendParameters appends those of a query or of a form. What is badly encoded stays as it is.
func appendParameters(message []pair, query string) []pair {
	for parameter := range strings.SplitSeq(query, "&") {
		if parameter == "" {
			continue
		}
		name, value, _ := strings.Cut(parameter, "=")
		message = append(message, pair{"request_param:" + strings.ToLower(unescaped(name)), unescaped(value)})
	}
	return message
}

func unescaped(text string) string {
	if plain, err := url.QueryUnescape(text); err == nil {
		return plain
	}
	return text
}

// appendSession appends the cookies that rules choose.
func (e *encoder) appendSession(message []pair, request *rawhttp.Message) []pair {
	if !e.rules.has(verbCopySession) {
		return message
	}
	cookies := http.Request{Header: http.Header{}}
	for _, h := range request.Headers {
		if strings.EqualFold(h.Name, "Cookie") {
			cookies.Header.Add("Cookie", h.Value)
		}
	}
	for i := range e.rules[verbCopySession] {
		for _, cookie := range cookies.Cookies() {
			if name := strings.ToLower(cookie.Name); is(&e.rules[verbCopySession][i], name) {
				message = append(message, pair{"session_field:" + name, cookie.Value})
			}
		}
	}
	return message
}

// customFields are what Tyk knows of a request. Rules do not apply to them.
func customFields(r *analytics.Record, uid string) []pair {
	var fields []pair
	for _, field := range []pair{
		{"api-id", r.APIID},
		{"api-key", r.APIKey},
		{"api-name", r.APIName},
		{"api-version", r.APIVersion},
		{"oauth-id", r.OauthID},
		{"org-id", r.OrgID},
		{"uid", uid},
	} {
		if field.value != "" {
			fields = append(fields, pair{"custom_field:tyk-" + field.name, field.value})
		}
	}
	return fields
}
