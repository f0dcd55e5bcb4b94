package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// processView is what one collector counted since it started, whatever groups
// and lists it worked for.
type processView struct {
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
	Filtered     map[string]int64  `json:"filtered"`
	Destinations []destinationView `json:"destinations"`
	// SQL is what tyksql exporters did, all together; absent where there are none.
	SQL *sqlView `json:"tyksql,omitempty"`
}

// destinationView is what the collector counts for any exporter of logs.
type destinationView struct {
	Exporter string `json:"exporter"`
	Sent     int64  `json:"sent"`
	// Failed counts every attempt; those were repeated.
	Failed int64 `json:"send_failed"`
}

// sqlView is what became of the records that reached tyksql exporters.
type sqlView struct {
	// Tables are by their keys in the configuration.
	Tables map[string]sqlTable `json:"tables"`
	// NotTaken are records that no enabled table holds.
	NotTaken int64            `json:"not_taken"`
	Refused  map[string]int64 `json:"refused"`
	// Missing is how many acknowledged entries these, the filter, dead letters, lost
	// ones and those that were shed do not account for; below 0 where something was
	// delivered more than once, or is not acknowledged yet.
	Missing int64 `json:"missing"`
}

// sqlTable is what became of the records of one table.
type sqlTable struct {
	Stored         int64 `json:"stored"`
	AlreadyApplied int64 `json:"already_applied"`
}

// graphTable holds what is in another table, or would be, too.
const graphTable = "graph"

// metricFamilies are a collector's metrics by name, without the suffixes that
// depend on its configuration.
type metricFamilies map[string][]*dto.Metric

func readProcess(ctx context.Context, url string, timeout time.Duration) (*processView, error) {
	families, err := scrape(ctx, url, timeout)
	if err != nil {
		return nil, fmt.Errorf("-metrics: %w", err)
	}
	if len(families["otelcol_process_uptime"]) == 0 && len(families["otelcol_tykredis_records_delivered"]) == 0 {
		return nil, fmt.Errorf("-metrics: %s has no metrics of a collector with a tykredis receiver", url)
	}
	p := &processView{
		URL:          url,
		Uptime:       families.value("otelcol_process_uptime"),
		DeadLettered: families.by("otelcol_tykredis_records_dead_lettered", "reason"),
		Lost:         families.sum("otelcol_tykredis_entries_lost"),
		Shed:         families.by("otelcol_tykredis_shed", "policy")["successes"],
		Redelivered:  families.sum("otelcol_tykredis_chunks_redelivered"),
		Filtered:     families.by("otelcol_tykfilter_dropped_records", "reason"),
		Destinations: families.destinations(),
	}
	p.Acknowledged = families.sum("otelcol_tykredis_records_delivered") + total(p.DeadLettered) + p.Shed

	if p.SQL = families.sql(); p.SQL != nil {
		p.SQL.Missing = p.missing()
	}
	return p, nil
}

// sql is nil where there are no tyksql exporters.
func (f metricFamilies) sql() *sqlView {
	s := &sqlView{Tables: map[string]sqlTable{}, Refused: f.by("otelcol_exporter_tyksql_refused_records", "reason")}
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

// stored sums up all tables that share no records.
func (s *sqlView) stored() (sum sqlTable) {
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
func (p *processView) missing() int64 {
	stored, graph := p.SQL.stored(), p.SQL.Tables[graphTable]
	missing := p.Acknowledged - stored.Stored - stored.AlreadyApplied - p.SQL.NotTaken - total(p.Filtered) - total(p.DeadLettered) - p.Shed
	if missing > 0 {
		// Where the table of requests is switched off, graph's are nowhere else.
		missing = max(0, missing-graph.Stored-graph.AlreadyApplied)
	}
	return missing
}

func scrape(ctx context.Context, url string, timeout time.Duration) (metricFamilies, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "text/plain;version=0.0.4")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }() // it is only read
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s: name the collector's metrics, such as http://localhost:8888/metrics", url, response.Status)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	raw, err := parser.TextToMetricFamilies(response.Body)
	if err != nil {
		return nil, fmt.Errorf("%s does not speak Prometheus' text format: %w", url, err)
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

func (f metricFamilies) destinations() []destinationView {
	sent, failed := f.by("otelcol_exporter_sent_log_records", "exporter"), f.by("otelcol_exporter_send_failed_log_records", "exporter")
	views := []destinationView{}
	for name := range maps.Keys(sent) {
		views = append(views, destinationView{Exporter: name, Sent: sent[name], Failed: failed[name]})
		delete(failed, name)
	}
	for name, n := range failed {
		views = append(views, destinationView{Exporter: name, Failed: n})
	}
	slices.SortFunc(views, func(a, b destinationView) int { return cmp.Compare(a.Exporter, b.Exporter) })
	return views
}

func total(counts map[string]int64) int64 {
	sum := int64(0)
	for _, n := range counts {
		sum += n
	}
	return sum
}

// listed writes counts as "7 (undecodable 5, refused 2)".
func listed(counts map[string]int64) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		if counts[name] > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", name, counts[name]))
		}
	}
	if len(parts) == 0 {
		return "0"
	}
	return fmt.Sprintf("%d (%s)", total(counts), strings.Join(parts, ", "))
}

func (p *processView) print(w io.Writer) error {
	fmt.Fprintf(w, "Since the collector at %s started %s ago, for all its groups and lists:\n\n", p.URL, span(time.Duration(p.Uptime*float64(time.Second))))
	t := newTable(w, "ACKNOWLEDGED", "DEAD LETTERS", "LOST", "SHED", "FILTERED", "CHUNKS REDELIVERED")
	t.row(p.Acknowledged, listed(p.DeadLettered), p.Lost, p.Shed, listed(p.Filtered), p.Redelivered)
	if err := endTable(w, t); err != nil {
		return err
	}
	if len(p.Destinations) > 0 {
		t = newTable(w, "DESTINATION", "SENT", "FAILED ATTEMPTS")
		for _, d := range p.Destinations {
			t.row(d.Exporter, d.Sent, d.Failed)
		}
		if err := endTable(w, t); err != nil {
			return err
		}
	}
	if p.SQL == nil {
		return nil
	}
	t = newTable(w, "TYKSQL TABLE", "STORED", "STORED BEFORE")
	for _, name := range slices.Sorted(maps.Keys(p.SQL.Tables)) {
		t.row(cmp.Or(name, "-"), p.SQL.Tables[name].Stored, p.SQL.Tables[name].AlreadyApplied)
	}
	if err := endTable(w, t); err != nil {
		return err
	}
	stored := p.SQL.stored()
	t = newTable(w, "TYKSQL: ACKNOWLEDGED", "= STORED", "+ STORED BEFORE", "+ NOT TAKEN", "+ FILTERED", "+ DEAD", "+ SHED", "")
	t.row(p.Acknowledged, stored.Stored, stored.AlreadyApplied, p.SQL.NotTaken, total(p.Filtered), total(p.DeadLettered), p.Shed, p.SQL.balance())
	return endTable(w, t)
}

func (s *sqlView) balance() string {
	switch {
	case s.Missing == 0:
		return "adds up"
	case s.Missing < 0:
		return fmt.Sprintf("%d more: delivered again, to several exporters, or not yet acknowledged", -s.Missing)
	default:
		return fmt.Sprintf("%d MISSING", s.Missing)
	}
}
