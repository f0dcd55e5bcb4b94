package traffic

import (
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
)

// wireBuffers hold a request or response while it is put together.
type wireBuffers struct {
	operation *operation // of the GraphQL record being made
	body      []byte
	message   []byte
	encoded   []byte
}

// filler is what bodies are made of, letters that mean nothing.
var filler = strings.Repeat("lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor ", 50)

// setRaw records request and response in HTTP's wire form, base64 encoded.
func (g *Generator) setRaw(who *consumer, o outcome) {
	r, w := &g.record, &g.wire
	w.body = w.body[:0]
	switch {
	case r.GraphQL.IsGraphQL:
		w.body = append(w.body, `{"query":`...)
		w.body = strconv.AppendQuote(w.body, w.operation.query)
		w.body = append(w.body, `,"variables":`...)
		w.body = append(w.body, w.operation.variables...)
		w.body = append(w.body, '}')
		r.ContentLength = int64(len(w.body))
	case r.ContentLength > 0:
		w.body = appendBody(w.body, g.settings.BodyBytes)
		r.ContentLength = int64(len(w.body))
	}
	r.RawRequest = g.encode(g.appendRequest(w.message[:0], who))

	w.body = w.body[:0]
	switch {
	case o.by != upstream:
		w.body = append(w.body, "{\n    \"error\": \""...)
		w.body = append(w.body, http.StatusText(int(r.ResponseCode))...)
		w.body = append(w.body, "\"\n}"...)
	case r.GraphQL.HasErrors:
		w.body = append(w.body, `{"errors":[{"message":"stock service unavailable","path":["product"]}],"data":null}`...)
	case r.GraphQL.IsGraphQL:
		w.body = append(w.body, w.operation.answer...)
	case r.Method != http.MethodHead && r.ResponseCode != http.StatusNoContent && r.ResponseCode != http.StatusNotModified:
		w.body = appendBody(w.body, g.settings.BodyBytes)
	}
	r.RawResponse = g.encode(g.appendResponse(w.message[:0], o))
}

// appendBody appends a JSON object of n bytes, or of the least that one takes.
func appendBody(b []byte, n int) []byte {
	const frame = len(`{"data":""}`)
	b = append(b, `{"data":"`...)
	for left := n - frame; left > 0; left -= len(filler) {
		b = append(b, filler[:min(left, len(filler))]...)
	}
	return append(b, `"}`...)
}

func (g *Generator) appendRequest(b []byte, who *consumer) []byte {
	r := &g.record
	b = append(b, r.Method...)
	b = append(b, ' ')
	b = append(b, r.RawPath...)
	b = append(b, " HTTP/1.1\r\nHost: api.example.com\r\n"...)
	b = appendHeader(b, "User-Agent", r.UserAgent)
	if len(g.wire.body) > 0 {
		b = appendHeader(b, "Content-Length", strconv.Itoa(len(g.wire.body)))
		b = append(b, "Content-Type: application/json\r\n"...)
	}
	b = append(b, "Accept: application/json\r\nAccept-Encoding: gzip\r\n"...)
	if who.key != anonymousKey {
		b = appendHeader(b, "Authorization", who.bearer)
	}
	b = appendHeader(b, "X-Forwarded-For", r.IPAddress)
	b = append(b, "\r\n"...)
	return append(b, g.wire.body...)
}

func (g *Generator) appendResponse(b []byte, o outcome) []byte {
	r := &g.record
	proto := "HTTP/1.1 "
	if o.by != upstream || r.GraphQL.IsGraphQL { // as the gateway's own answers are recorded
		proto = "HTTP/0.0 "
	}
	b = append(b, proto...)
	b = strconv.AppendInt(b, r.ResponseCode, 10)
	b = append(b, ' ')
	b = append(b, http.StatusText(int(r.ResponseCode))...)
	b = append(b, "\r\n"...)
	b = appendHeader(b, "Content-Length", strconv.Itoa(len(g.wire.body)))
	b = append(b, "Content-Type: application/json\r\n"...)
	b = append(b, "Date: "...)
	b = r.TimeStamp.AppendFormat(b, http.TimeFormat)
	b = append(b, "\r\nX-Ratelimit-Limit: 1000\r\nX-Ratelimit-Remaining: 998\r\n\r\n"...)
	return append(b, g.wire.body...)
}

func appendHeader(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(b, name...)
	b = append(b, ": "...)
	b = append(b, value...)
	return append(b, "\r\n"...)
}

func (g *Generator) encode(message []byte) string {
	g.wire.message = message
	g.wire.encoded = base64.StdEncoding.AppendEncode(g.wire.encoded[:0], message)
	return string(g.wire.encoded)
}
