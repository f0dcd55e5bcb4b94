package pages

import (
	"context"
	"fmt"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
	"github.com/otelcol-tyk/otelcol-tyk/internal/console/view"
)

// Settings answer: what runs here, with which settings, and how big has it become?

type settingsPage struct {
	Facts      []fact
	Pipelines  []fact
	Components []settingsRow
	Store      []fact
	StoreState *State
	Tables     []tableRow
	Missing    []missingRow
	Console    []fact
	Slowest    []slowRow
	Sources    []sourceRow
	Recorded   *recordedPart
	JSON       string
}

type settingsRow struct {
	ID     string
	Values [][2]string
}

type tableRow struct{ Name, Rows, Size, PerDay string }

type missingRow struct{ Table, For, Statement string }

type slowRow struct{ Text, Took, At string }

func (s *Site) settings(q *request) (*page, error) {
	process := s.backend.Process()
	sp := &settingsPage{JSON: q.as(formJSON)}
	p := &page{template: "settings", title: "Settings", nav: "Settings", data: sp}
	sp.Facts = []fact{{Name: "Process", Value: process.Name}, {Name: "Version", Value: strings.TrimSpace("otelcol-tyk " + process.Version)}, {Name: "Collector", Value: process.Collector}, {Name: "Go", Value: process.Go}, {Name: "Started", Value: s.moment(process.Started), Quiet: view.Age(q.now.Sub(process.Started)) + " ago"}, {Name: "Time zone", Value: s.Zone.String()}}
	if process.Memory > 0 {
		sp.Facts = append(sp.Facts, fact{Name: "Memory", Value: view.Size(process.Memory)})
	}
	for _, pl := range process.Pipelines {
		steps := append([]string{strings.Join(pl.Receivers, ", ")}, pl.Processors...)
		way := strings.Join(append(steps, strings.Join(pl.Exporters, ", ")), " → ")
		sp.Pipelines = append(sp.Pipelines, fact{Name: pl.ID, Value: way})
	}
	for _, c := range process.Settings {
		sp.Components = append(sp.Components, settingsRow(c))
	}
	out := map[string]any{"process": process.Name, "version": process.Version, "collector": process.Collector, "started": process.Started, "pipelines": process.Pipelines, "memory_bytes": process.Memory}
	source, room := sp.fillStore(q, process, out)
	out["sources"] = sp.fillSources(q, source, room)
	p.json = out
	return p, nil
}

// fillStore says what is known of the store, as far as it answers.
func (sp *settingsPage) fillStore(q *request, process Process, out map[string]any) (source sourceJSON, room string) {
	s := q.site
	store, err := s.backend.Store()
	if err != nil {
		sp.StoreState = s.stateOf(q, err)
		return q.storeSource(query.Info{}, nil, err, 0)
	}
	q.wait = max(q.wait, lasting)
	defer func() {
		stats := store.Stats()
		sp.stats(s, stats)
		out["console"] = stats
	}()
	info, err := ask(q, store.Info).must(q)
	if err != nil {
		sp.StoreState = s.stateOf(q, err)
		return q.storeSource(query.Info{}, nil, err, 0)
	}
	recorded := ask(q, func(ctx context.Context) (query.Recorded, error) { return store.Recorded(ctx) })
	storage, storageErr := ask(q, func(ctx context.Context) (query.Storage, error) { return store.Storage(ctx) }).must(q)
	sp.storeFacts(s, info, process)
	out["store"] = info
	if info.Records {
		since, err := recorded.must(q)
		sp.Recorded = q.recordedPart(since, err)
		if err == nil {
			out["recorded"] = since
		}
	}
	if storageErr != nil {
		sp.StoreState = s.stateOf(q, storageErr)
		return q.storeSource(info, nil, nil, process.Retention)
	}
	sp.storage(storage)
	out["storage"] = storage
	source, room = q.storeSource(info, &storage, nil, process.Retention)
	sp.Store = append(sp.Store, fact{Name: "Full", Value: source.Full})
	if storage.Ledger > 0 {
		sp.Store = append(sp.Store, fact{Name: "Ledger", Value: view.Plural(storage.Ledger, "row", "rows"), Quiet: "what was stored already, so that nothing is stored twice"})
	}
	return source, room
}

func (sp *settingsPage) storeFacts(s *Site, info query.Info, process Process) {
	kept := "for ever"
	if process.Retention > 0 {
		kept = view.Plural(int64(process.Retention), "day", "days")
	}
	sp.Store = []fact{{Name: "Server", Value: info.Server}, {Name: "Place", Value: view.Visible(info.Place), Code: true}, {Name: "Kept", Value: kept}}
	if !info.OldestRecord.IsZero() {
		sp.Store = append(sp.Store, fact{Name: "Oldest record", Value: s.moment(info.OldestRecord)})
	}
	if !info.NewestRecord.IsZero() {
		sp.Store = append(sp.Store, fact{Name: "Newest record", Value: s.moment(info.NewestRecord)})
	}
	rollups := "none: pages count records"
	if info.Rollups {
		rollups = "buckets of " + plainAge(info.Bucket)
		if !info.OldestRollup.IsZero() {
			rollups += ", the oldest of " + s.clock(info.OldestRollup)
		}
	}
	latencies := "none: pages show means"
	if info.Latencies {
		latencies = "kept, percentiles are within 2\u202f%"
	}
	sp.Store = append(sp.Store, fact{Name: "Rollups", Value: rollups}, fact{Name: "Latencies", Value: latencies})
}

func (sp *settingsPage) storage(storage query.Storage) {
	size := func(n int64) string {
		if n < 0 {
			return view.Unknown
		}
		return view.Size(n)
	}
	for _, t := range storage.Tables {
		rows := view.Unknown
		if t.Rows >= 0 {
			rows = view.Count(t.Rows)
		}
		sp.Tables = append(sp.Tables, tableRow{t.Name, rows, size(t.Bytes), size(t.PerDay)})
	}
	for _, m := range storage.Missing {
		sp.Missing = append(sp.Missing, missingRow(m))
	}
}

func (sp *settingsPage) stats(s *Site, stats query.Stats) {
	sp.Console = []fact{
		{Name: "Statements", Value: view.Count(stats.Statements), Quiet: fmt.Sprintf("%d at a time, each %s at most", stats.MaxQueries, view.Age(stats.StatementTimeout))},
		{Name: "From its cache", Value: view.Count(stats.CacheHits), Quiet: view.Size(stats.CacheBytes)},
		{Name: "Refused", Value: view.Count(stats.Refused), Quiet: "as too many waited"},
		{Name: "Reads at most", Value: view.Plural(int64(stats.ScanRows), "record", "records") + " a statement", Quiet: view.Plural(int64(stats.SearchRows), "record", "records") + " a page of Logs"},
		{Name: "Keys", Value: s.Keys, Quiet: "bodies: " + s.Bodies},
		{Name: "Actions", Value: map[bool]string{true: "on", false: "off"}[s.Actions]},
	}
	for _, slow := range stats.Slowest {
		sp.Slowest = append(sp.Slowest, slowRow{view.Visible(view.Middle(slow.Text, 150, 60)), view.LatencyText(float64(slow.Took.Microseconds()) / 1000), s.clock(slow.At)})
	}
}
