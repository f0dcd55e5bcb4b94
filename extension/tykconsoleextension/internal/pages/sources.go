package pages

import (
	"slices"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
	"github.com/otelcol-tyk/otelcol-tyk/internal/console/view"
)

// sourceRow is something that the console reads, and whether it answers.
type sourceRow struct{ Name, Place, Class, State, Room string }

// sourceJSON is the same for programs.
type sourceJSON struct {
	Name  string `json:"name"`
	Place string `json:"place,omitempty"`
	State string `json:"state"`
	Error string `json:"error,omitempty"`
	// UsedBytes and LimitBytes are Redis' memory, FreeBytes is left on the store's disk, PerDay what a day adds there.
	UsedBytes  int64  `json:"used_bytes,omitempty"`
	LimitBytes int64  `json:"limit_bytes,omitempty"`
	FreeBytes  *int64 `json:"free_bytes,omitempty"`
	PerDay     *int64 `json:"bytes_per_day,omitempty"`
	Full       string `json:"full,omitempty"`
}

// The states of a source.
const (
	sourceOK      = "answers"
	sourceAway    = "does not answer"
	sourceAbsent  = "there is none"
	sourceUnknown = "not asked yet"
)

func rowOf(j sourceJSON, room string) sourceRow {
	class := map[string]string{sourceOK: "ok", sourceAway: "bad"}[j.State]
	if class == "" {
		class = "off"
	}
	state := j.State
	if j.Error != "" {
		state += ": " + view.Visible(j.Error)
	}
	return sourceRow{Name: view.Visible(j.Name), Place: view.Visible(j.Place), Class: class, State: state, Room: room}
}

// storeSource is the store that is read.
func (q *request) storeSource(info query.Info, storage *query.Storage, err error, retention int) (sourceJSON, string) {
	j := sourceJSON{Name: "Store", Place: info.Server, State: sourceOK}
	switch {
	case err != nil && codeOf(err) == "no_store":
		j.State = sourceAbsent
		return j, view.Unknown
	case err != nil:
		state := q.site.stateOf(q, err)
		j.State, j.Error = sourceAway, strings.Join(append([]string{state.Title}, state.Text...), ". ")
		return j, view.Unknown
	case storage == nil:
		return j, view.Unknown
	}
	if storage.Free >= 0 {
		j.FreeBytes = &storage.Free
	}
	if storage.PerDay >= 0 {
		j.PerDay = &storage.PerDay
	}
	j.Full = storeFull(*storage, retention, info.OldestRecord, q.now)
	room := "full " + j.Full
	if storage.Free >= 0 {
		room = view.Size(storage.Free) + " free; " + room
	}
	return j, room
}

// redisSources are the Redis servers that receivers read.
func (q *request) redisSources() (all []sourceJSON, rooms, replicas []string) {
	for _, l := range q.site.watches.each() {
		snap := l.wait(q.Context())
		j := sourceJSON{Name: "Redis of " + strings.Join(l.redis.Receivers(), ", "), Place: l.address(), State: sourceOK}
		room := view.Unknown
		switch {
		case snap.err != nil:
			j.State, j.Error = sourceAway, snap.err.Error()
		case snap.look == nil:
			j.State = sourceUnknown
		}
		if snap.look != nil {
			for _, m := range snap.look.Memory {
				j.UsedBytes += m.Used
				j.LimitBytes += m.Max
			}
			j.Full = fullText(snap.memory, j.UsedBytes, j.LimitBytes)
			room = roomText(j)
			for _, g := range snap.look.Groups {
				for _, lease := range g.Leases {
					if !lease.Expired && !slices.Contains(replicas, lease.Worker) {
						replicas = append(replicas, lease.Worker)
					}
				}
			}
		}
		all, rooms = append(all, j), append(rooms, room)
	}
	slices.Sort(replicas)
	return all, rooms, replicas
}

func roomText(j sourceJSON) string {
	switch {
	case j.UsedBytes == 0:
		return "memory is not known: the user may not run INFO"
	case j.LimitBytes == 0:
		return view.Size(j.UsedBytes) + " used, no maxmemory"
	case j.Full == "":
		return view.Size(j.UsedBytes) + " of " + view.Size(j.LimitBytes) + " used"
	default:
		return view.Size(j.UsedBytes) + " of " + view.Size(j.LimitBytes) + " used. " + j.Full
	}
}

// metricsSource are this process' own counts.
func metricsSource(m Metrics, now time.Time) (sourceJSON, string) {
	j := sourceJSON{Name: "Metrics of this process", Place: m.Place, State: sourceOK}
	switch {
	case m.Place == "":
		j.State = sourceAbsent
	case m.Error != "":
		j.State, j.Error = sourceAway, m.Error
	case m.At.IsZero():
		j.State = sourceUnknown
	}
	if m.At.IsZero() {
		return j, view.Unknown
	}
	return j, "read " + view.Age(now.Sub(m.At)) + " ago"
}

// fillSources lists what the console reads.
func (sp *settingsPage) fillSources(q *request, store sourceJSON, storeRoom string) []sourceJSON {
	q.site.backend.Measure(q.Context())
	all, rooms := []sourceJSON{store}, []string{storeRoom}
	redis, redisRooms, replicas := q.redisSources()
	all, rooms = append(all, redis...), append(rooms, redisRooms...)
	metrics, room := metricsSource(q.site.backend.Process().Metrics, q.site.Now())
	all, rooms = append(all, metrics), append(rooms, room)
	for i, j := range all {
		sp.Sources = append(sp.Sources, rowOf(j, rooms[i]))
	}
	if len(replicas) > 0 {
		sp.Facts = append(sp.Facts, fact{Name: "Replicas seen", Value: view.Visible(strings.Join(replicas, ", ")), Quiet: "which hold leases"})
	}
	return all
}

// recordedRow says how much is recorded of an API.
type recordedRow struct {
	Href, Name, Own                                 string
	Records, Requests, Responses, Countries, Traces string
}

// recordedPart is what gateways recorded of the newest requests.
type recordedPart struct {
	Note, None string
	State      *State
	Rows       []recordedRow
}

func (q *request) recordedPart(r query.Recorded, err error) *recordedPart {
	p := &recordedPart{None: "No requests yet."}
	if err != nil {
		p.State = q.site.stateOf(q, err)
		return p
	}
	var records, bodies int64
	detailed := 0
	for _, a := range r.APIs {
		records += a.Records
		bodies += a.Requests
		if a.Requests > 0 {
			detailed++
		}
		p.Rows = append(p.Rows, recordedRow{
			Href: q.link("apis/" + escape(a.Org) + "/" + escape(a.ID)), Name: view.Visible(view.Middle(named(a.Name, a.ID), longName-12, 10)), Own: orgText(a.Org), Records: view.Count(a.Records),
			Requests: view.Share(a.Requests, a.Records), Responses: view.Share(a.Responses, a.Records), Countries: view.Share(a.Countries, a.Records), Traces: view.Share(a.Traces, a.Records),
		})
	}
	if len(r.APIs) == 0 {
		return p
	}
	p.Note = "in the newest " + view.Plural(records, "request", "requests") + ", back to " + q.site.clock(r.Since) + ": "
	switch detailed {
	case 0:
		p.Note += "detailed recording is off; enable_detailed_recording for the gateway, or for an API, switches it on"
	case len(r.APIs):
		p.Note += "detailed recording is on, " + view.Share(bodies, records) + " % have it"
	default:
		p.Note += "detailed recording is on for " + view.Count(int64(detailed)) + " of " + view.Plural(int64(len(r.APIs)), "API", "APIs")
	}
	return p
}
