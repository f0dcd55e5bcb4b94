package rollup

import (
	"strconv"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/slab"
)

// AppendLogs adds groups to logs in the form that the package's comment describes.
// version is that of the scope. The log records share the memory of the texts.
func AppendLogs(logs plog.Logs, version string, groups []Group) {
	logs.ResourceLogs().EnsureCapacity(logs.ResourceLogs().Len() + len(groups))
	room := slab.New(Count(groups))
	for i := range groups {
		groups[i].toLogs(room, logs.ResourceLogs().AppendEmpty(), version)
	}
}

func (g *Group) toLogs(room *slab.Slab, to plog.ResourceLogs, version string) {
	analytics.StampResource(to.Resource())
	const most = 14
	b := attributes{room.Map(most)}
	for key, value := range to.Resource().Attributes().All() {
		value.CopyTo(b.Empty(key))
	}
	b.str(AttrFamily, g.Family.String())
	b.str(AttrSettings, g.Settings)
	b.str(analytics.AttrOrgID, g.Org)
	b.str(analytics.AttrAPIID, g.API)
	b.int(AttrBucket, g.Bucket.Unix())
	b.int(AttrMinutes, int64(g.Minutes))
	b.str(AttrZone, g.Bucket.Location().String())
	b.str(AttrSegment, g.Segment)
	if g.Segment != "" {
		b.Empty(AttrRecords).SetEmptyBytes().FromRaw(g.Records.encode())
	}
	b.int(AttrCount, int64(len(g.Rollups)))
	b.instant(analytics.AttrExpireAt, g.ExpireAt)
	b.Into(to.Resource().Attributes())

	scope := to.ScopeLogs().AppendEmpty()
	scope.Scope().SetName(ScopeName)
	scope.Scope().SetVersion(version)
	analytics.StampGivenUp(scope.Scope(), g.GivenUp)
	records := scope.LogRecords()
	records.EnsureCapacity(len(g.Rollups))
	timestamp := pcommon.NewTimestampFromTime(g.Bucket)
	for i := range g.Rollups {
		record := records.AppendEmpty()
		record.SetTimestamp(timestamp)
		record.SetEventName(analytics.EventRollup)
		g.Rollups[i].toLog(room, record)
	}
}

func (r *Rollup) toLog(room *slab.Slab, to plog.LogRecord) {
	c := &r.Counter
	const most = 22
	b := attributes{room.Map(most)}
	b.str(AttrDimension, r.Dimension.String())
	b.str(AttrOwner, r.Owner)
	b.str(AttrValue, r.Value)
	if c.Identifier != r.Value {
		b.Str(AttrIdentifier, c.Identifier)
	}
	if c.HumanIdentifier != c.Identifier {
		b.Str(AttrHumanIdentifier, c.HumanIdentifier)
	}
	b.int(AttrHits, c.Hits)
	b.int(AttrSuccess, c.Success)
	b.int(AttrErrors, c.Errors)
	b.int(AttrRequestTime, c.RequestTime)
	b.int(AttrLatencyTotal, c.Latency.Total)
	b.int(AttrLatencyMax, c.Latency.Max)
	b.int(AttrLatencyMin, c.Latency.Min)
	b.int(AttrUpstreamTotal, c.Upstream.Total)
	b.int(AttrUpstreamMax, c.Upstream.Max)
	b.int(AttrUpstreamMin, c.Upstream.Min)
	b.int(AttrOpenConnections, c.OpenConnections)
	b.int(AttrClosedConnections, c.ClosedConnections)
	b.int(AttrBytesIn, c.BytesIn)
	b.int(AttrBytesOut, c.BytesOut)
	b.instant(AttrLastTime, c.LastTime)
	if len(c.Codes) > 0 {
		codes := room.Map(len(c.Codes))
		for _, code := range c.Codes {
			codes.Int(strconv.FormatInt(code.Code, 10), code.Count)
		}
		codes.Into(b.Empty(AttrCodes).SetEmptyMap())
	}
	if c.Latencies != nil {
		b.Empty(AttrLatencies).SetEmptyBytes().FromRaw(c.Latencies.encode())
	}
	b.Into(to.Attributes())
}
