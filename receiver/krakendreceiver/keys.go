package krakendreceiver

import (
	"strconv"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/krakend"
)

// series identifies one counter or one distribution of a KrakenD.
type series struct {
	metric string // of internal/krakend
	name   string // of the endpoint, the backend, the TLS version or the cipher
	status int    // of krakend.Responses
	// complete and error are set where there are calls.
	complete, failed bool
}

// calls is true for series of calls, which have more attributes than a name.
func (s series) calls() bool {
	switch s.metric {
	case krakend.ProxyRequests, krakend.BackendRequests, krakend.ProxyDuration, krakend.BackendDuration:
		return true
	}
	return false
}

// statistic names one number of a distribution, as KrakenD does.
type statistic string

// The statistics beside krakend.Quantiles.
const (
	statCount  statistic = "count"
	statMin    statistic = "min"
	statMax    statistic = "max"
	statMean   statistic = "mean"
	statStdDev statistic = "std-dev"
)

// place is where a value belongs.
type place struct {
	series    series
	statistic statistic // "" for a counter
}

// placeOf reads a key, without what all keys of KrakenD begin with. Names may hold
// anything, also what follows them, so a key is read from both of its ends.
func placeOf(key string) (place, bool) {
	if rest, ok := strings.CutPrefix(key, "router.response."); ok {
		return responsePlace(rest)
	}
	if rest, ok := strings.CutPrefix(key, "proxy.requests.layer."); ok {
		s, ok := callSeries(rest, krakend.ProxyRequests, krakend.BackendRequests)
		return place{series: s}, ok
	}
	if rest, ok := strings.CutPrefix(key, "proxy.latency.layer."); ok {
		rest, stat, ok := cutStatistic(rest)
		if !ok {
			return place{}, false
		}
		s, ok := callSeries(rest, krakend.ProxyDuration, krakend.BackendDuration)
		return place{series: s, statistic: stat}, ok
	}
	for prefix, metric := range tlsPrefixes {
		if rest, ok := strings.CutPrefix(key, prefix); ok {
			name, ok := strings.CutSuffix(rest, ".count")
			return place{series: series{metric: metric, name: name}}, ok
		}
	}
	return place{}, false
}

var tlsPrefixes = map[string]string{
	"router.tls_version.": krakend.TLSConnections,
	"router.tls_cipher.":  krakend.TLSCipherConnections,
}

// responsePlace reads <endpoint>.status.<code>.count, <endpoint>.time.<statistic> and
// <endpoint>.size.<statistic>; <endpoint>.status alone is always 0 and has no place.
func responsePlace(rest string) (place, bool) {
	const status = ".status.000.count"
	if at := len(rest) - len(status); at >= 0 && strings.HasPrefix(rest[at:], ".status.") && strings.HasSuffix(rest, ".count") {
		if code, err := strconv.ParseUint(rest[at+len(".status."):len(rest)-len(".count")], 10, 16); err == nil {
			return place{series: series{metric: krakend.Responses, name: rest[:at], status: int(code)}}, true
		}
	}
	rest, stat, ok := cutStatistic(rest)
	if !ok {
		return place{}, false
	}
	if name, ok := strings.CutSuffix(rest, ".time"); ok {
		return place{series: series{metric: krakend.ResponseDuration, name: name}, statistic: stat}, true
	}
	name, ok := strings.CutSuffix(rest, ".size")
	return place{series: series{metric: krakend.ResponseSize, name: name}, statistic: stat}, ok
}

// callSeries reads <layer>.name.<name>.complete.<bool>.error.<bool>.
func callSeries(rest, proxy, backend string) (series, bool) {
	layer, rest, _ := strings.Cut(rest, ".name.")
	at := strings.LastIndex(rest, ".complete.")
	if at < 0 {
		return series{}, false
	}
	s := series{name: rest[:at]}
	complete, failed, _ := strings.Cut(rest[at+len(".complete."):], ".error.")
	var read [2]bool
	s.complete, read[0] = boolOf(complete)
	s.failed, read[1] = boolOf(failed)
	switch layer {
	case "pipe":
		s.metric = proxy
	case "backend":
		s.metric = backend
	default:
		return series{}, false
	}
	return s, read == [2]bool{true, true}
}

func boolOf(text string) (value, ok bool) {
	return text == "true", text == "true" || text == "false"
}

// cutStatistic takes the last part of a distribution's key off.
func cutStatistic(key string) (string, statistic, bool) {
	at := strings.LastIndexByte(key, '.')
	if at < 0 {
		return "", "", false
	}
	stat := statistic(key[at+1:])
	switch stat {
	case statCount, statMin, statMax, statMean, statStdDev:
		return key[:at], stat, true
	}
	for i := range krakend.Quantiles {
		if string(stat) == krakend.Quantiles[i].Key {
			return key[:at], stat, true
		}
	}
	return "", "", false
}
