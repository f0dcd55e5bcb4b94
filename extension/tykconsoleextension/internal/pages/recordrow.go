package pages

import (
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
	"github.com/otelcol-tyk/otelcol-tyk/internal/console/view"
)

type recordRow struct {
	Href, Alone                   string
	Time, Millis, Full            string
	Status, Class                 string
	Method, Path                  string
	API, Caller, Country, Latency string
	NoKey                         bool
	Split                         view.Split
	Chosen                        bool
	Ref                           string
}

func longestLatency(records []query.Record) float64 {
	m := int64(1)
	for i := range records {
		m = max(m, records[i].Latency.Total)
	}
	return float64(m)
}

// recordRow is one line; a key's place in URLs is never taken by the key.
func (q *request) recordRow(r *query.Record, longest float64, set map[string]string) recordRow {
	s := q.site
	m := s.maskRecord(*r)
	ref := escape(r.OrgID) + "/" + escape(r.APIID) + "/" + r.Ref.String()
	t := r.TimeStamp.In(s.Zone)
	row := recordRow{
		Ref: ref, Alone: s.Base + "logs/" + ref, Full: s.moment(r.TimeStamp), Time: t.Format("15:04:05"), Millis: fmt.Sprintf(".%03d", t.Nanosecond()/1e6),
		Status: statusText(r.ResponseCode), Class: statusClass(r.ResponseCode), Method: m.Method, Path: named(m.OriginalPath, m.Path), API: named(m.APIName, view.Visible(r.APIID)), Country: view.Visible(r.Geo.CountryISOCode),
		Latency: view.LatencyText(float64(r.Latency.Total)), Split: view.NewSplit(gatewayPart(r), float64(r.Latency.Upstream), longest, 64),
	}
	if r.Latency.Total < 10_000 {
		row.Latency = view.Unit(view.Millis(float64(r.Latency.Total)), "ms")
	}
	if row.Path == "" {
		row.Path = m.RawPath
	}
	if r.ResponseCode == -1 {
		row.Method, row.Path = "TCP", fmt.Sprintf("%d opened, %d closed, %s in, %s out", r.Network.OpenConnections, r.Network.ClosedConnections, view.Size(r.Network.BytesIn), view.Size(r.Network.BytesOut))
	}
	if set != nil {
		set = map[string]string{"record": ref}
		row.Href = q.here(set)
	} else {
		row.Href = row.Alone
	}
	row.Caller, _, _ = s.callerName(r.APIKey, r.Alias)
	row.NoKey = hasNoKey(r.APIKey)
	if row.NoKey {
		row.Caller = "no key"
	}
	if row.Country == "" {
		row.Country = view.Unknown
	}
	return row
}

// gatewayPart is what the gateway itself took.
func gatewayPart(r *query.Record) float64 {
	if r.Latency.Gateway > 0 {
		return float64(r.Latency.Gateway)
	}
	return float64(max(0, r.Latency.Total-r.Latency.Upstream))
}

func statusText(code int64) string {
	if code == -1 {
		return "TCP"
	}
	return strconv.FormatInt(code, 10)
}

func statusClass(code int64) string {
	if code >= 400 && code < 600 {
		return "code-" + strconv.FormatInt(code/100, 10)
	}
	return ""
}

// mostCSV bounds a file of records, in rows and in time.
const (
	mostCSV     = 100_000
	mostCSVTime = 30 * time.Second
)

func (q *request) recordsCSV(w http.ResponseWriter, store query.Store, search query.Search) error {
	ctx, cancel := context.WithTimeout(q.Context(), mostCSVTime)
	defer cancel()
	_ = http.NewResponseController(w).SetWriteDeadline(q.site.Now().Add(mostCSVTime + 10*time.Second))
	out := csv.NewWriter(w)
	defer out.Flush()
	heads, rows := recordHeads(), 0
	if err := out.Write(heads); err != nil {
		return fmt.Errorf("write records: %w", err)
	}
	search.Limit = 200
	for rows < mostCSV {
		found, err := store.Logs(ctx, search)
		if err != nil {
			return fmt.Errorf("write records: %w", err)
		}
		for i := range found.Records {
			if err := out.Write(q.recordCells(&found.Records[i])); err != nil {
				return fmt.Errorf("write records: %w", err)
			}
			rows++
		}
		out.Flush()
		if found.Next == nil || len(found.Records) == 0 && found.Searched == 0 {
			break
		}
		search.Before = found.Next
	}
	return out.Error()
}
