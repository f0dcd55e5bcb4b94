package measure

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// The buckets of Tyk Pump's histograms, in milliseconds, and of the gateway's, in seconds.
var (
	pumpBounds = []float64{
		1, 2, 5, 7, 10, 15, 20, 25, 30, 40, 50, 60, 70, 80, 90, 100,
		200, 300, 400, 500, 1000, 2000, 5000, 10000, 30000, 60000,
	}
	gatewayBounds = []float64{0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}
)

const (
	milliseconds          = "ms"
	seconds               = "s"
	dimensionless         = "1"
	millisecondsPerSecond = 1000
	// latencyName is Tyk Pump's only histogram with three times of each request.
	latencyName = "tyk_latency"
)

func requestTime(r *analytics.Record) int64     { return r.RequestTime }
func upstreamLatency(r *analytics.Record) int64 { return r.Latency.Upstream }
func gatewayLatency(r *analytics.Record) int64  { return r.Latency.Gateway }

// threeTimes are the times that tyk_latency shows.
var threeTimes = []measurement{
	{kind: "total", of: requestTime}, {kind: "upstream", of: upstreamLatency}, {kind: "gateway", of: gatewayLatency},
}

// TykPump lists the metrics of Tyk Pump's Prometheus pump: names, help texts,
// labels and buckets (contract: other back-ends, section 14.2).
func TykPump(paths Paths) []Instrument {
	counter := func(name, description string, labels ...string) Instrument {
		in := Instrument{Name: name, Description: description, Kind: Counter}
		for _, label := range labels {
			if of, ok := numbers[label]; ok {
				in.Labels = append(in.Labels, number(label, of))
			} else if of, ok := texts[label]; ok {
				in.Labels = append(in.Labels, text(label, of))
			} else {
				in.Labels = append(in.Labels, text(label, paths.of))
			}
		}
		return in
	}
	return []Instrument{
		counter("tyk_http_status", "HTTP status codes per API", "code", "api"),
		counter("tyk_http_status_per_path", "HTTP status codes per API path and method", "code", "api", pathLabel, "method"),
		counter("tyk_http_status_per_key", "HTTP status codes per API key", "code", keyLabel),
		counter("tyk_http_status_per_oauth_client", "HTTP status codes per oAuth client id", "code", "client_id"),
		{
			Name:        latencyName,
			Description: "Latency added by Tyk, Total Latency, upstream latency, and gateway latency per API",
			Unit:        milliseconds,
			Kind:        Histogram,
			Labels:      []Label{text("api", texts["api"])},
			Bounds:      pumpBounds,
			times:       threeTimes,
		},
	}
}

// attrResponseFlag is why a request ended as it did, on the gateway's own metrics.
const attrResponseFlag = "tyk.response_flag"

// Gateway lists the metrics of requests that gateways from 5.13 on send themselves,
// with their names, units, buckets and attributes (golden: gateway, metrics).
//
// All of them get the further attributes, such as the organisation's, by which
// pipelines may part them.
//
// A record does not tell why the gateway refused a request, so tyk.response_flag is
// always the status, which is what the gateway puts there for answers that it passed on.
// TCP records are not requests and do not count.
func Gateway(further ...Label) []Instrument {
	method := text(analytics.AttrMethod, texts["method"])
	api := text(analytics.AttrAPIID, texts["api"])
	status := number(analytics.AttrResponseCode, numbers["code"])
	flag := number(attrResponseFlag, numbers["code"])
	counter := func(name, description string, labels ...Label) Instrument {
		return Instrument{Name: name, Description: description, Unit: dimensionless, Kind: Counter, Labels: slices.Concat(labels, further), condition: isRequest}
	}
	histogram := func(name, description string, of func(*analytics.Record) int64, labels ...Label) Instrument {
		return Instrument{
			Name: name, Description: description, Unit: seconds, Kind: Histogram, Labels: slices.Concat(labels, further), Bounds: gatewayBounds,
			times: []measurement{{of: of}}, perUnit: millisecondsPerSecond, condition: isRequest,
		}
	}
	return []Instrument{
		counter("tyk.http.requests", "Total HTTP requests processed by the gateway"),
		counter("tyk.api.requests.total", "Request count with identity dimensions", method, status, api),
		histogram("http.server.request.duration", "End-to-end request latency", requestTime, method, status, api, flag),
		histogram("tyk.gateway.request.duration", "Gateway processing time", gatewayLatency, method, api, flag),
		histogram("tyk.upstream.request.duration", "Upstream response time", upstreamLatency, method, api, flag),
	}
}

// The attributes of log records that the gateway's metrics may have as well.
var furtherAttributes = map[string]func(*analytics.Record) string{
	analytics.AttrOrgID:      func(r *analytics.Record) string { return r.OrgID },
	analytics.AttrAPIName:    func(r *analytics.Record) string { return r.APIName },
	analytics.AttrAPIVersion: func(r *analytics.Record) string { return r.APIVersion },
	analytics.AttrListenPath: func(r *analytics.Record) string { return r.ListenPath },
	analytics.AttrAPIKey:     func(r *analytics.Record) string { return r.APIKey },
	analytics.AttrAlias:      func(r *analytics.Record) string { return r.Alias },
	analytics.AttrOauthID:    func(r *analytics.Record) string { return r.OauthID },
}

// FurtherAttributes finds attributes for Gateway by their names on log records.
func FurtherAttributes(names []string) ([]Label, error) {
	var labels []Label
	for i, name := range names {
		of, ok := furtherAttributes[name]
		if !ok {
			return nil, fmt.Errorf("%q: use some of %s", name, strings.Join(slices.Sorted(maps.Keys(furtherAttributes)), ", "))
		}
		if slices.Contains(names[:i], name) {
			return nil, fmt.Errorf("%q is there twice", name)
		}
		labels = append(labels, text(name, of))
	}
	return labels, nil
}

// isRequest is false for the records of TCP APIs, one a second whether there is traffic or not.
func isRequest(r *analytics.Record) bool { return r.ResponseCode != -1 }
