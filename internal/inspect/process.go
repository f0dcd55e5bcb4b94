package inspect

import (
	"context"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/otelcol-tyk/otelcol-tyk/internal/netaddr"
)

// Process is what one collector counted since it started, whatever groups
// and lists it worked for.
type Process struct {
	URL string `json:"url"`
	// Uptime is in seconds.
	Uptime float64 `json:"uptime_seconds"`
	// Acknowledged entries are done with for good: every destination has them, or
	// they are among the next three.
	Acknowledged int64            `json:"acknowledged"`
	DeadLettered map[string]int64 `json:"dead_lettered"`
	Lost         int64            `json:"lost"`
	Shed         int64            `json:"shed"`
	// Redelivered chunks count more than once below.
	Redelivered int64 `json:"chunks_redelivered"`
	// Filtered is what tykfilter kept back, by configuration key.
	Filtered     map[string]int64 `json:"filtered"`
	Destinations []Destination    `json:"destinations"`
	// SQL is what tyksql exporters did, all together; absent where there are none.
	SQL *SQL `json:"tyksql,omitempty"`

	details []Destination
}

// Destination is what the collector counts for any exporter of logs.
type Destination struct {
	Exporter string `json:"exporter"`
	Sent     int64  `json:"sent"`
	// Failed counts every attempt; those were repeated.
	Failed int64 `json:"send_failed"`

	// Stored, Known, NotTaken and Refused are what the exporter itself counted of records and rollups: stored
	// now, stored before, of no table, and refused for good. They are -1 where it does not count them, or where
	// several exporters of its type count together.
	Stored   int64 `json:"-"`
	Known    int64 `json:"-"`
	NotTaken int64 `json:"-"`
	Refused  int64 `json:"-"`
	// Writes is how many there were, P99 how long the slowest of a hundred took at most, as far as buckets
	// tell; -1 and 0 where that is not measured. With P99Beyond it took longer than P99, the last bucket's bound.
	Writes    int64         `json:"-"`
	P99       time.Duration `json:"-"`
	P99Beyond bool          `json:"-"`
	// Spans and Points were sent to it; of logs Sent tells.
	Spans  int64 `json:"-"`
	Points int64 `json:"-"`
}

// SQL is what became of the records that reached tyksql exporters.
type SQL struct {
	// Tables are by their keys in the configuration.
	Tables map[string]SQLTable `json:"tables"`
	// NotTaken are records that no enabled table holds.
	NotTaken int64            `json:"not_taken"`
	Refused  map[string]int64 `json:"refused"`
	// Missing is how many acknowledged entries these, the filter, dead letters, lost
	// ones and those that were shed do not account for; below 0 where something was
	// delivered more than once, or is not acknowledged yet.
	Missing int64 `json:"missing"`
}

// SQLTable is what became of the records of one table.
type SQLTable struct {
	Stored         int64 `json:"stored"`
	AlreadyApplied int64 `json:"already_applied"`
}

// graphTable holds what is in another table, or would be, too.
const graphTable = "graph"

// metricFamilies are a collector's metrics by name, without the suffixes that
// depend on its configuration.
type metricFamilies map[string][]*dto.Metric

// ReadProcess reads a collector's metrics in Prometheus' text form.
func ReadProcess(ctx context.Context, url string, timeout time.Duration) (*Process, error) {
	place, _ := netaddr.Bare(url)
	families, err := scrape(ctx, url, place, timeout)
	if err != nil {
		return nil, err
	}
	if len(families["otelcol_process_uptime"]) == 0 && len(families["otelcol_tykredis_records_delivered"]) == 0 {
		return nil, fmt.Errorf("%s has no metrics of a collector with a tykredis receiver", place)
	}
	p := &Process{
		URL:          place,
		Uptime:       families.value("otelcol_process_uptime"),
		DeadLettered: families.by("otelcol_tykredis_records_dead_lettered", "reason"),
		Lost:         families.sum("otelcol_tykredis_entries_lost"),
		Shed:         families.by("otelcol_tykredis_shed", "policy")["successes"],
		Redelivered:  families.sum("otelcol_tykredis_chunks_redelivered"),
		Filtered:     families.by("otelcol_tykfilter_dropped_records", "reason"),
		Destinations: families.destinations(),
		details:      families.details(),
	}
	p.Acknowledged = families.sum("otelcol_tykredis_records_delivered") + Sum(p.DeadLettered) + p.Shed

	if p.SQL = families.sql(); p.SQL != nil {
		p.SQL.Missing = p.missing()
	}
	return p, nil
}

// sql is nil where there are no tyksql exporters.
func (f metricFamilies) sql() *SQL {
	s := &SQL{Tables: map[string]SQLTable{}, Refused: f.by("otelcol_exporter_tyksql_refused_records", "reason")}
	const records = "otelcol_exporter_tyksql_records"
	if len(f[records])+len(s.Refused) == 0 {
		return nil
	}
	for _, m := range f[records] {
		n, outcome := int64(valueOf(m)), labelOf(m, "outcome")
		if outcome == "not_taken" {
			s.NotTaken += n
			continue
		}
		name := labelOf(m, "table")
		t := s.Tables[name]
		if outcome == "stored" {
			t.Stored += n
		} else {
			t.AlreadyApplied += n
		}
		s.Tables[name] = t
	}
	return s
}

// Total sums up all tables that share no records.
func (s *SQL) Total() (sum SQLTable) {
	for name, t := range s.Tables {
		if name != graphTable {
			sum.Stored += t.Stored
			sum.AlreadyApplied += t.AlreadyApplied
		}
	}
	return sum
}

// missing is how many acknowledged entries nothing accounts for. What a
// destination refuses is dead-lettered, and counts there.
func (p *Process) missing() int64 {
	stored, graph := p.SQL.Total(), p.SQL.Tables[graphTable]
	missing := p.Acknowledged - stored.Stored - stored.AlreadyApplied - p.SQL.NotTaken - Sum(p.Filtered) - Sum(p.DeadLettered) - p.Shed
	if missing > 0 {
		// Where the table of requests is switched off, graph's are nowhere else.
		missing = max(0, missing-graph.Stored-graph.AlreadyApplied)
	}
	return missing
}

// scrape reads a page, which messages call by its place.
func scrape(ctx context.Context, url, place string, timeout time.Duration) (metricFamilies, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, netaddr.BareError(err)
	}
	request.Header.Set("Accept", "text/plain;version=0.0.4")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, netaddr.BareError(err)
	}
	defer func() { _ = response.Body.Close() }() // it is only read
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s: name the collector's metrics, such as http://localhost:8888/metrics", place, response.Status)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	raw, err := parser.TextToMetricFamilies(response.Body)
	if err != nil {
		return nil, fmt.Errorf("%s does not speak Prometheus' text format: %w", place, err)
	}
	families := metricFamilies{}
	for name, family := range raw {
		name = strings.TrimSuffix(name, "_total")
		name = strings.TrimSuffix(name, "_seconds")
		families[name] = append(families[name], family.GetMetric()...)
	}
	return families, nil
}

func (f metricFamilies) value(name string) float64 {
	sum := 0.0
	for _, m := range f[name] {
		sum += valueOf(m)
	}
	return sum
}

// valueOf is the value of a metric of any type but a histogram.
func valueOf(m *dto.Metric) float64 {
	return m.GetCounter().GetValue() + m.GetGauge().GetValue() + m.GetUntyped().GetValue()
}

func (f metricFamilies) sum(name string) int64 { return int64(f.value(name)) }

// by sums a metric up by one label.
func (f metricFamilies) by(name, label string) map[string]int64 {
	sums := map[string]int64{}
	for _, m := range f[name] {
		sums[labelOf(m, label)] += int64(valueOf(m))
	}
	return sums
}

func labelOf(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

func (f metricFamilies) destinations() []Destination {
	all := map[string]*Destination{}
	add := func(metric string, to func(*Destination) *int64) {
		for name, n := range f.by(metric, "exporter") {
			if all[name] == nil {
				all[name] = &Destination{Exporter: name}
			}
			*to(all[name]) += n
		}
	}
	add("otelcol_exporter_sent_log_records", func(d *Destination) *int64 { return &d.Sent })
	add("otelcol_exporter_send_failed_log_records", func(d *Destination) *int64 { return &d.Failed })
	views := []Destination{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		views = append(views, *all[name])
	}
	return views
}

// Details are all exporters that the process has, also those of traces and metrics, with what they count
// themselves.
func (p *Process) Details() []Destination { return p.details }

// details tells of all exporters.
func (f metricFamilies) details() []Destination {
	all := map[string]*Destination{}
	for metric, to := range map[string]func(*Destination) *int64{
		"otelcol_exporter_sent_log_records": func(d *Destination) *int64 { return &d.Sent }, "otelcol_exporter_send_failed_log_records": func(d *Destination) *int64 { return &d.Failed },
		"otelcol_exporter_sent_spans": func(d *Destination) *int64 { return &d.Spans }, "otelcol_exporter_send_failed_spans": func(d *Destination) *int64 { return &d.Failed },
		"otelcol_exporter_sent_metric_points": func(d *Destination) *int64 { return &d.Points }, "otelcol_exporter_send_failed_metric_points": func(d *Destination) *int64 { return &d.Failed },
	} {
		for name, n := range f.by(metric, "exporter") {
			if all[name] == nil {
				all[name] = &Destination{Exporter: name, Stored: -1, Known: -1, NotTaken: -1, Refused: -1, Writes: -1}
			}
			*to(all[name]) += n
		}
	}
	types := map[string]int{}
	for name := range all {
		types[typeOf(name)]++
	}
	views := []Destination{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if types[typeOf(name)] == 1 {
			f.detail(all[name])
		}
		views = append(views, *all[name])
	}
	return views
}

// typeOf is the type in a component's id.
func typeOf(exporter string) string {
	kind, _, _ := strings.Cut(exporter, "/")
	return kind
}

// detail adds what the exporter itself counts.
func (f metricFamilies) detail(d *Destination) {
	own := "otelcol_exporter_" + typeOf(d.Exporter)
	if len(f[own+"_records"]) > 0 {
		outcomes := f.by(own+"_records", "outcome")
		d.Stored, d.Known, d.NotTaken = outcomes["stored"], outcomes["already_applied"], outcomes["not_taken"]
		d.Refused = f.sum(own + "_refused_records")
	}
	for _, m := range f[own+"_write_duration"] {
		h := m.GetHistogram()
		d.Writes = max(d.Writes, 0) + int64(h.GetSampleCount()) //nolint:gosec // a count
		if bound, beyond := quantile(h, 0.99); bound > d.P99 || bound == d.P99 && beyond {
			d.P99, d.P99Beyond = bound, beyond
		}
	}
}

// quantile is the bound of the bucket below which the part q of all lie. Beyond the last bound, it is that one.
func quantile(h *dto.Histogram, q float64) (bound time.Duration, beyond bool) {
	wanted := q * float64(h.GetSampleCount())
	last := 0.0
	for _, b := range h.GetBucket() {
		if math.IsInf(b.GetUpperBound(), 1) {
			break
		}
		last = b.GetUpperBound()
		if float64(b.GetCumulativeCount()) >= wanted {
			return time.Duration(last * float64(time.Second)), false
		}
	}
	return time.Duration(last * float64(time.Second)), h.GetSampleCount() > 0
}

// Sum adds counts up.
func Sum(counts map[string]int64) int64 {
	sum := int64(0)
	for _, n := range counts {
		sum += n
	}
	return sum
}
