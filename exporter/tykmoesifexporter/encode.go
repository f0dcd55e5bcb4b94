package tykmoesifexporter

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/jsontext"
	"github.com/otelcol-tyk/otelcol-tyk/internal/rawhttp"
)

// headers are those of a message by their names in lower case.
type headers map[string]string

// side is what one of the two messages of a record is encoded by.
type side struct {
	headerMasks, bodyMasks names
	withoutBody            bool
}

// encoder makes events of records.
type encoder struct {
	request, response side
	identity          identity
	token             string
}

func newEncoder(config *Config) *encoder {
	return &encoder{
		request:  side{newNames(config.RequestHeaderMasks), newNames(config.RequestBodyMasks), config.DisableCaptureRequestBody},
		response: side{newNames(config.ResponseHeaderMasks), newNames(config.ResponseBodyMasks), config.DisableCaptureResponseBody},
		identity: newIdentity(config), token: config.SessionToken,
	}
}

// append appends the event of a record, whose identity may be empty, unless sampling leaves it out. It changes the
// record, and fails for one that JSON has no form for.
func (e *encoder) append(dst []byte, r *analytics.Record, uid string, rates *rates) (event []byte, taken bool, err error) {
	request, response := rawhttp.Parse(r.RawRequest), rawhttp.Parse(r.RawResponse)
	requestHeaders, responseHeaders := e.request.headers(&request), e.response.headers(&response)
	user, company := e.identity.user(r, requestHeaders, responseHeaders), e.identity.company(requestHeaders, responseHeaders)
	weight, taken := rates.sample(r, uid, user, company)
	if !taken {
		return dst, false, nil
	}
	at := r.TimeStamp.UTC()
	answered := at.Add(time.Duration(r.RequestTime) * time.Millisecond)
	for _, t := range []time.Time{at, answered} {
		if year := t.Year(); year < 0 || year > 9999 {
			return dst, false, fmt.Errorf("the time is in the year %d: JSON has times of the years 0 to 9999", year)
		}
	}
	e.protect(r)

	dst = appendTime(append(dst, `{"request":{"time":"`...), at)
	dst = member(dst, `","uri":`, uri(&request, r.Path))
	dst = member(dst, `,"verb":`, r.Method)
	dst = jsontext.AppendMap(append(dst, `,"headers":`...), requestHeaders)
	dst = member(dst, `,"api_version":`, r.APIVersion)
	dst = member(dst, `,"ip_address":`, r.IPAddress)
	dst = e.request.appendBody(dst, &request)
	dst = appendTime(append(dst, `},"response":{"time":"`...), answered)
	dst = strconv.AppendInt(append(dst, `","status":`...), r.ResponseCode, 10)
	dst = jsontext.AppendMap(append(dst, `,"headers":`...), responseHeaders)
	dst = e.response.appendBody(dst, &response)
	dst = member(dst, `},"session_token":`, r.APIKey)
	dst = member(dst, `,"user_id":`, user)
	dst = member(dst, `,"company_id":`, company)
	dst = member(dst, `,"metadata":{"tyk":{"api_name":`, r.APIName)
	dst = append(dst, `,"tags":`...)
	if len(r.Tags) == 0 {
		dst = append(dst, `null`...)
	} else {
		dst = jsontext.AppendStrings(dst, r.Tags)
	}
	if uid != "" {
		dst = member(dst, `,"uid":`, uid)
	}
	dst = strconv.AppendInt(append(dst, `}},"direction":"Incoming","weight":`...), weight, 10)
	return append(dst, '}'), true, nil
}

// protect leaves of the API key what the session token may tell.
func (e *encoder) protect(r *analytics.Record) {
	switch e.token {
	case tokenHash:
		r.HashKey()
	case tokenOff:
		r.DropKey()
	}
}

// headers are those of a message with masks, repeated ones joined as HTTP has them.
func (s *side) headers(m *rawhttp.Message) headers {
	all := make(headers, len(m.Headers))
	for _, header := range m.Headers {
		name, value := strings.ToLower(header.Name), header.Value
		if s.headerMasks[name] {
			all[name] = masked
			continue
		}
		if before, repeated := all[name]; repeated {
			value = before + ", " + value
		}
		all[name] = value
	}
	return all
}

// appendBody appends a body, or null.
func (s *side) appendBody(dst []byte, m *rawhttp.Message) []byte {
	body, found := s.bodyMasks.content(m)
	if s.withoutBody || !found {
		return append(dst, `,"body":null,"transfer_encoding":"base64"`...)
	}
	dst = append(dst, `,"body":"`...)
	dst = base64.StdEncoding.AppendEncode(dst, body)
	return append(dst, `","transfer_encoding":"base64"`...)
}

// uri is the second word of the request line, if that is one.
func uri(request *rawhttp.Message, path string) string {
	const words = 3 // method, target and version
	if line := strings.Fields(request.Line); len(line) >= words {
		return line[1]
	}
	return path
}

func appendTime(dst []byte, at time.Time) []byte { return at.AppendFormat(dst, time.RFC3339Nano) }

// member appends a key, as it is, and a text.
func member(dst []byte, key, text string) []byte {
	return jsontext.AppendString(append(dst, key...), text)
}
