package rollup

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// FromLogs reads the groups of what AppendLogs wrote; other resources are
// skipped. A group that cannot be stored as a whole any more is an error, and so are
// all: some component on the way has cut or changed it. The groups share the memory
// of the log records' texts.
func FromLogs(logs plog.Logs) ([]Group, error) {
	var groups []Group
	for _, resource := range logs.ResourceLogs().All() {
		if _, is := resource.Resource().Attributes().Get(AttrFamily); !is {
			continue
		}
		g, err := fromLogs(resource)
		if err != nil {
			return nil, fmt.Errorf("read rollups of organisation %q, segment %q: %w", g.Org, g.Segment, err)
		}
		groups = append(groups, g)
	}
	return groups, nil
}

func fromLogs(from plog.ResourceLogs) (Group, error) {
	g, count, err := readGroup(from.Resource().Attributes())
	if err != nil {
		return g, err
	}
	total := 0
	for _, scope := range from.ScopeLogs().All() {
		total += scope.LogRecords().Len()
		g.GivenUp = analytics.GivenUp(scope.Scope())
	}
	if int64(total) != count || count == 0 {
		return g, fmt.Errorf("it has %d of %d rollups: no component may cut a resource's log records apart", total, count)
	}
	g.Rollups = make([]Rollup, 0, total)
	for _, scope := range from.ScopeLogs().All() {
		for _, record := range scope.LogRecords().All() {
			r, err := readRollup(record)
			if err != nil {
				return g, err
			}
			g.Rollups = append(g.Rollups, r)
		}
	}
	if g.Rollups[0].Dimension != Total {
		return g, errors.New("its first rollup is not the total")
	}
	return g, nil
}

func readGroup(attributes pcommon.Map) (g Group, count int64, err error) {
	var bucket int64
	zone := time.UTC
	for key, value := range attributes.All() {
		switch key {
		case AttrFamily:
			family, known := parseFamily(value.Str())
			if !known {
				err = fmt.Errorf("its family %q is not known", value.Str())
			}
			g.Family = family
		case AttrSettings:
			g.Settings = value.Str()
		case analytics.AttrOrgID:
			g.Org = value.Str()
		case analytics.AttrAPIID:
			g.API = value.Str()
		case AttrBucket:
			bucket = value.Int()
		case AttrMinutes:
			g.Minutes = int(value.Int())
		case AttrZone:
			zone = loadZone(value.Str())
		case AttrSegment:
			g.Segment = value.Str()
		case AttrRecords:
			var fault error
			if g.Records, fault = decodeIndices(rawBytes(value)); fault != nil {
				err = fault
			}
		case AttrCount:
			count = value.Int()
		case analytics.AttrExpireAt:
			g.ExpireAt, _ = analytics.Instant(value)
		}
	}
	if err == nil && g.Segment != "" && g.Records.Len() == 0 {
		err = errIndices
	}
	g.Bucket = time.Unix(bucket, 0).In(zone)
	return g, count, err
}

// zones keeps what loadZone found, since that reads a file.
var zones sync.Map

// loadZone gives a zone by its name, UTC for one that is not known here.
func loadZone(name string) *time.Location {
	if zone, ok := zones.Load(name); ok {
		return zone.(*time.Location) //nolint:forcetypeassert // nothing else is kept
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	zones.Store(name, zone)
	return zone
}

// dimensionsByName are all, that of Total too.
var dimensionsByName = func() map[string]Dimension {
	all := map[string]Dimension{}
	for i, name := range dimensionNames {
		all[name] = Dimension(i) //nolint:gosec // one of a few
	}
	return all
}()

func readRollup(from plog.LogRecord) (Rollup, error) {
	var r Rollup
	c := &r.Counter
	if from.EventName() != analytics.EventRollup {
		return r, fmt.Errorf("a log record has the event name %q, want %q", from.EventName(), analytics.EventRollup)
	}
	identified, named := false, false
	var err error
	for key, value := range from.Attributes().All() {
		switch key {
		case AttrDimension:
			dimension, known := dimensionsByName[value.Str()]
			if !known {
				return r, fmt.Errorf("the dimension %q is not known", value.Str())
			}
			r.Dimension = dimension
		case AttrOwner:
			r.Owner = value.Str()
		case AttrValue:
			r.Value = value.Str()
		case AttrIdentifier:
			c.Identifier, identified = value.Str(), true
		case AttrHumanIdentifier:
			c.HumanIdentifier, named = value.Str(), true
		case AttrLastTime:
			c.LastTime, _ = analytics.Instant(value)
		case AttrCodes:
			if c.Codes, err = readCodes(value); err != nil {
				return r, err
			}
		case AttrLatencies:
			if c.Latencies, err = decodeSketch(rawBytes(value)); err != nil {
				return r, err
			}
		default:
			if number := c.number(key); number != nil {
				*number = value.Int()
			}
		}
	}
	if !identified {
		c.Identifier = r.Value
	}
	if !named {
		c.HumanIdentifier = c.Identifier
	}
	return r, nil
}

// number is where an attribute's number belongs, nil for other attributes.
func (c *Counter) number(key string) *int64 {
	switch key {
	case AttrHits:
		return &c.Hits
	case AttrSuccess:
		return &c.Success
	case AttrErrors:
		return &c.Errors
	case AttrRequestTime:
		return &c.RequestTime
	case AttrLatencyTotal:
		return &c.Latency.Total
	case AttrLatencyMax:
		return &c.Latency.Max
	case AttrLatencyMin:
		return &c.Latency.Min
	case AttrUpstreamTotal:
		return &c.Upstream.Total
	case AttrUpstreamMax:
		return &c.Upstream.Max
	case AttrUpstreamMin:
		return &c.Upstream.Min
	case AttrOpenConnections:
		return &c.OpenConnections
	case AttrClosedConnections:
		return &c.ClosedConnections
	case AttrBytesIn:
		return &c.BytesIn
	case AttrBytesOut:
		return &c.BytesOut
	}
	return nil
}

func readCodes(from pcommon.Value) ([]CodeCount, error) {
	if from.Type() != pcommon.ValueTypeMap {
		return nil, errors.New("the codes are not a map")
	}
	codes := make([]CodeCount, 0, from.Map().Len())
	for text, count := range from.Map().All() {
		code, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("the code %q is not a number", strings.ToValidUTF8(text, "?"))
		}
		codes = append(codes, CodeCount{code, count.Int()})
	}
	slices.SortFunc(codes, func(x, y CodeCount) int { return cmp.Compare(x.Code, y.Code) })
	return codes, nil
}

// rawBytes is empty where the value is something else.
func rawBytes(v pcommon.Value) []byte {
	if v.Type() != pcommon.ValueTypeBytes {
		return nil
	}
	return v.Bytes().AsRaw()
}
