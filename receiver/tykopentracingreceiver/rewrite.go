package tykopentracingreceiver

import (
	"net/url"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// serviceName is how gateways call themselves over OTLP.
const serviceName = "tyk-gateway"

// Attributes of gateways' spans.
const (
	attrService   = "service.name"
	attrInstance  = "service.instance.id"
	attrHost      = "host.name"
	attrClient    = "client-uuid" // Jaeger's client has one for each API
	attrQuery     = "url.query"
	attrBodySize  = "http.request.body.size"
	attrOriginal  = "http.request.method_original"
	tagRawURL     = "raw_url"
	tagEndpoint   = "endpoint"
	tagMethod     = "method"
	tagClientIP   = "from_ip"
	tagSize       = "size"
	methodUnknown = "_OTHER"
)

// methods are those that the semantic conventions know.
var methods = map[string]bool{
	"CONNECT": true, "DELETE": true, "GET": true, "HEAD": true, "OPTIONS": true, "PATCH": true, "POST": true, "PUT": true,
	"QUERY": true, "TRACE": true,
}

// rewrite makes of a batch what newer gateways send over OTLP. The service is the gateway, not
// the API, which the spans name instead.
func rewrite(traces ptrace.Traces, apis map[string]APIConfig) {
	for _, resource := range traces.ResourceSpans().All() {
		attributes := resource.Resource().Attributes()
		api := textOf(attributes, attrService)
		attributes.PutStr(attrService, serviceName)
		instance := textOf(attributes, attrHost)
		if instance == "" {
			instance = textOf(attributes, attrClient)
		}
		attributes.Remove(attrClient) // differs by API, so that resources would not be the same
		if instance != "" {
			attributes.PutStr(attrInstance, instance)
		}
		for _, scope := range resource.ScopeSpans().All() {
			for _, span := range scope.Spans().All() {
				rewriteSpan(span)
				describe(span.Attributes(), api, apis[api])
			}
		}
	}
}

// describe says which API a span is of.
func describe(attributes pcommon.Map, name string, api APIConfig) {
	for key, value := range map[string]string{
		analytics.AttrAPIName: name, analytics.AttrAPIID: api.ID, analytics.AttrOrgID: api.Org,
	} {
		if value != "" {
			attributes.PutStr(key, value)
		}
	}
}

// rewriteSpan tells a request, the call upstream and the middlewares apart.
func rewriteSpan(span ptrace.Span) {
	attributes := span.Attributes()
	switch {
	case hasKey(attributes, tagRawURL):
		span.SetKind(ptrace.SpanKindServer)
		rewriteRequest(attributes)
	case span.Kind() == ptrace.SpanKindClient || strings.HasPrefix(span.Name(), "/"):
		span.SetKind(ptrace.SpanKindClient)
		attributes.PutStr(analytics.AttrPath, span.Name())
	case span.Kind() == ptrace.SpanKindUnspecified:
		span.SetKind(ptrace.SpanKindInternal)
	}
}

// rewriteRequest renames what the request's span says of it.
func rewriteRequest(attributes pcommon.Map) {
	path, query, _ := strings.Cut(textOf(attributes, tagRawURL), "?")
	if address, err := url.Parse(textOf(attributes, tagRawURL)); err == nil && address.Host != "" {
		path, query = address.EscapedPath(), address.RawQuery
	}
	if path == "" {
		path = textOf(attributes, tagEndpoint)
	}
	method, original := textOf(attributes, tagMethod), ""
	if method != "" && !methods[method] {
		method, original = methodUnknown, method
	}
	size, err := strconv.ParseInt(textOf(attributes, tagSize), 10, 64)
	client := textOf(attributes, tagClientIP)
	for _, key := range []string{tagRawURL, tagEndpoint, tagMethod, tagClientIP, tagSize} {
		attributes.Remove(key)
	}
	for key, value := range map[string]string{
		analytics.AttrPath: path, attrQuery: query, analytics.AttrMethod: method, attrOriginal: original,
		analytics.AttrClientAddress: client,
	} {
		if value != "" {
			attributes.PutStr(key, value)
		}
	}
	if err == nil && size >= 0 { // -1 is not known
		attributes.PutInt(attrBodySize, size)
	}
}

func hasKey(attributes pcommon.Map, key string) bool {
	_, ok := attributes.Get(key)
	return ok
}

func textOf(attributes pcommon.Map, key string) string {
	value, ok := attributes.Get(key)
	if !ok {
		return ""
	}
	return value.AsString()
}
