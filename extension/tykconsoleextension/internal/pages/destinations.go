package pages

import (
	"context"
	"slices"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
	"github.com/otelcol-tyk/otelcol-tyk/internal/console/view"
)

type destinationRow struct {
	ID, Class, Health, Since                          string
	StoredTo, StoredToTitle                           string
	Stored, Rate, Had, NotTaken, Refused, Writes, P99 string
}

// destinationJSON is a destination for programs.
type destinationJSON struct {
	Exporter string    `json:"exporter"`
	Status   string    `json:"status,omitempty"`
	Since    time.Time `json:"since,omitzero"`
	Error    string    `json:"error,omitempty"`
	// StoredTo is how far everything is stored; StoredToBy says what tells it: groups, newest_record or last_growth.
	StoredTo   time.Time `json:"stored_to,omitzero"`
	StoredToBy string    `json:"stored_to_by,omitempty"`
	*Destination
	P99Millis *float64 `json:"write_p99_ms,omitempty"`
	P99Beyond bool     `json:"write_p99_beyond,omitempty"`
}

// fillDestinations lists the exporters of this process.
func (q *request) fillDestinations(pp *pipelinePage, process Process) []destinationJSON {
	all := []destinationJSON{}
	pp.Process = process.Name
	if !process.Started.IsZero() {
		pp.Process += ", since it started " + view.Age(q.now.Sub(process.Started)) + " ago"
	}
	pp.DestinationsNote = metricsNote(process.Metrics)
	pp.Destinations = nil
	for _, c := range process.Components {
		if c.Kind != "exporter" {
			continue
		}
		row := destinationRow{ID: view.Visible(c.ID), Class: statusClassOf(c.Status), Health: healthText(c.Status), StoredTo: view.Unknown}
		j := destinationJSON{Exporter: c.ID, Status: c.Status, Since: c.Since, Error: c.Error}
		if !c.Since.IsZero() {
			row.Since = "since " + q.site.clock(c.Since)
		}
		if c.Error != "" {
			row.Since += ": " + view.Visible(c.Error)
		}
		d, measured := process.Metrics.Destinations[c.ID]
		if !measured {
			d = Destination{Stored: -1, Had: -1, NotTaken: -1, Refused: -1, Writes: -1, Rate: -1, WriteRate: -1}
		} else {
			j.Destination = &d
		}
		row.count(d)
		if d.P99 > 0 {
			ms := float64(d.P99.Microseconds()) / 1000
			j.P99Millis, j.P99Beyond = &ms, d.P99Beyond
		}
		if j.StoredTo, j.StoredToBy = q.storedTo(c.ID, process); !j.StoredTo.IsZero() {
			row.StoredTo, row.StoredToTitle = q.site.clock(j.StoredTo), storedToTitles[j.StoredToBy]
			if age := q.now.Sub(j.StoredTo); age < day && age > -day {
				row.StoredTo = j.StoredTo.In(q.site.Zone).Format("15:04:05")
			}
		}
		pp.Destinations = append(pp.Destinations, row)
		all = append(all, j)
	}
	return all
}

func (r *destinationRow) count(d Destination) {
	number := func(n int64) string {
		if n < 0 {
			return view.Unknown
		}
		return view.Count(n)
	}
	rate := func(perSecond float64) string {
		if perSecond < 0 {
			return view.Unknown
		}
		return view.Rate(perSecond, time.Second)
	}
	r.Stored, r.Had, r.NotTaken, r.Refused = number(d.Stored), number(d.Had), number(d.NotTaken), number(d.Refused)
	r.Writes, r.P99 = rate(d.WriteRate), view.Unknown
	if d.Rate >= 0 {
		r.Rate = rate(d.Rate)
	}
	if d.P99 > 0 {
		r.P99 = "≤ " + view.LatencyText(float64(d.P99.Microseconds())/1000)
		if d.P99Beyond {
			r.P99 = "> " + view.LatencyText(float64(d.P99.Microseconds())/1000)
		}
	}
}

// What tells how far a destination has everything.
const (
	byGroups = "groups"
	byNewest = "newest_record"
	byGrowth = "last_growth"
)

var storedToTitles = map[string]string{
	byGroups: "Everything that gateways pushed before is there, or is a dead letter",
	byNewest: "Time of the newest record in the store",
	byGrowth: "When its count was last seen to grow",
}

// storedTo is how far a destination has everything: by what waits for its groups, else by its newest record, else by
// when it last took something.
func (q *request) storedTo(exporter string, process Process) (time.Time, string) {
	var at time.Time
	for _, l := range q.site.watches.each() {
		snap := l.snapshot()
		if snap.look == nil {
			continue
		}
		groups := l.redis.Groups()
		for _, g := range snap.look.Groups {
			if !slices.Contains(groups[g.Name], exporter) {
				continue
			}
			if to := snap.look.At.Add(-g.Oldest).UTC(); at.IsZero() || to.Before(at) {
				at = to
			}
		}
	}
	if !at.IsZero() {
		return at, byGroups
	}
	if exporter == process.StoreExporter && exporter != "" {
		if newest := q.newestRecord(); !newest.IsZero() {
			return newest.UTC(), byNewest
		}
	}
	if grew := process.Metrics.Grew[exporter]; !grew.IsZero() {
		return grew.UTC(), byGrowth
	}
	return time.Time{}, ""
}

// newestRecord is the time of the store's newest record, if the store says it soon.
func (q *request) newestRecord() time.Time {
	store, err := q.site.backend.Store()
	if err != nil {
		return time.Time{}
	}
	info := ask(q, func(ctx context.Context) (query.Info, error) { return store.Info(ctx) })
	if !info.ready(q) || info.err() != nil {
		return time.Time{}
	}
	return info.value().NewestRecord
}

// metricsNote says why there are no counts, or what they are of.
func metricsNote(m Metrics) string {
	switch {
	case m.Place == "":
		return "Counts are not measured: this collector has no metrics endpoint (service::telemetry::metrics::readers)."
	case m.Error != "" && m.Destinations == nil:
		return "Counts are not measured: " + view.Visible(m.Error)
	case m.Error != "":
		return "Counts are those of the last time that metrics could be read: " + view.Visible(m.Error)
	default:
		return ""
	}
}

func healthText(status string) string {
	switch status {
	case "StatusOK":
		return "works"
	case "StatusStarting", "":
		return "starting"
	case "StatusRecoverableError":
		return "fails, is tried again"
	case "StatusPermanentError":
		return "fails for good"
	case "StatusFatalError":
		return "ended the collector"
	case "StatusStopping":
		return "stopping"
	default:
		return "stopped"
	}
}
