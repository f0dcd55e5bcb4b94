package krakendreceiver

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/otelcol-tyk/otelcol-tyk/internal/krakend"
)

// snapshot is one answer of a KrakenD.
type snapshot struct {
	at       pcommon.Timestamp
	counters map[series]int64
	windows  map[series]distribution
	gauges   map[string]float64 // by krakend.Gauge.Key
	integers map[string]int64   // the same, where they are integers
	// router are the counters and gauges of connections, by their keys.
	router map[string]int64
	// tick counts the windows that have ended; hasTick is false where KrakenD does not say.
	tick    int64
	hasTick bool
	memory  memory
	// unreadable are values that were left out, since they or their keys cannot be read.
	unreadable int
}

// distribution is what a KrakenD says about the values of a window. Durations are in
// nanoseconds.
type distribution map[statistic]float64

// memory is what Go's runtime says about itself at the moment of the answer.
type memory struct {
	Mallocs, TotalAlloc, Sys, HeapReleased, StackInuse, NextGC uint64
	NumGC                                                      uint32
	PauseNs                                                    []uint64
}

// What keys begin with.
const (
	keyPrefix = "krakend."
	tickKey   = krakend.DebugPrefix + "ReadGCStats.count"
)

// The router's keys of connections.
const (
	connected      = "router.connected"
	disconnected   = "router.disconnected"
	totalSuffix    = "-total"
	previousSuffix = "-gauge"
)

var gaugeByKey = func() map[string]krakend.Gauge {
	gauges := map[string]krakend.Gauge{}
	for _, g := range krakend.Gauges {
		gauges[g.Key] = g
	}
	return gauges
}()

var errNoStatistics = errors.New("the answer holds no statistics of a KrakenD: is the endpoint KrakenD's /__stats, and telemetry/metrics configured?")

// decode reads an answer.
func decode(body []byte, at time.Time) (*snapshot, error) {
	s := &snapshot{
		at:       pcommon.NewTimestampFromTime(at),
		counters: map[series]int64{}, windows: map[series]distribution{},
		gauges: map[string]float64{}, integers: map[string]int64{}, router: map[string]int64{},
	}
	known := false
	unreadable, err := eachValue(body, func(key string, value []byte) {
		if key == "memstats" {
			if json.Unmarshal(value, &s.memory) != nil {
				s.memory = memory{}
				s.unreadable++
			}
			return
		}
		if rest, ours := strings.CutPrefix(key, keyPrefix); ours {
			known = true
			if !s.take(rest, value) {
				s.unreadable++
			}
		}
	})
	s.unreadable += unreadable
	if err != nil {
		return nil, fmt.Errorf("read KrakenD's answer: %w", err)
	}
	if !known && unreadable == 0 {
		return nil, errNoStatistics
	}
	return s, nil
}

// take puts a value in its place. It is false where the value cannot be read; values
// without a place are of no interest.
func (s *snapshot) take(key string, value []byte) bool {
	switch key {
	case tickKey:
		return readCounter(value, func(n int64) { s.tick, s.hasTick = n, true })
	case connected, disconnected, connected + totalSuffix, disconnected + totalSuffix,
		connected + previousSuffix, disconnected + previousSuffix:
		return readCounter(value, func(n int64) { s.router[key] = n })
	}
	if g, ok := gaugeByKey[key]; ok {
		if g.Float {
			return readFloat(value, func(v float64) { s.gauges[key] = v })
		}
		return readInteger(value, func(n int64) { s.integers[key] = n })
	}
	p, ok := placeOf(key)
	if !ok {
		return true
	}
	if p.statistic == "" {
		return readCounter(value, func(n int64) { s.counters[p.series] = n })
	}
	return readFloat(value, func(v float64) {
		d := s.windows[p.series]
		if d == nil {
			d = distribution{}
			s.windows[p.series] = d
		}
		d[p.statistic] = v
	})
}

func readInteger(value []byte, set func(int64)) bool {
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil {
		return false
	}
	set(n)
	return true
}

// readCounter reads what is never below zero.
func readCounter(value []byte, set func(int64)) bool {
	n, err := strconv.ParseUint(string(value), 10, 63)
	if err != nil {
		return false
	}
	set(int64(n)) //nolint:gosec // of 63 bits
	return true
}

func readFloat(value []byte, set func(float64)) bool {
	v, err := strconv.ParseFloat(string(value), 64)
	if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
		return false
	}
	set(v)
	return true
}
