package pages

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/view"
)

// Pipeline answers: is anything stuck, why, and what do I do?

type pipelinePage struct {
	Verdict, When, Paused string
	PauseHref             string
	JSON                  string
	State, First          *State
	Findings              []findingRow
	Flow                  []flowStep
	Groups                []groupRow
	Receipts              []receiptRow
	Redis                 *redisBlock
	Destinations          []destinationRow
	DestinationsNote      string
	Process               string
	Servers               []serverLink
	Dead                  *shareTable
	DeadHref              string
	ListsHref             string
	ReceiptsBy            string
	Reload                int
}

// serverLink is one Redis of several.
type serverLink struct {
	Href, Name, Address string
	Troubles            int
	Current             bool
}

type findingRow struct {
	Class, Severity, Title, Text, Remedy, Command string
	Act                                           *Link
	Danger                                        bool
}

type flowStep struct{ Name, Figure, Unit, Sub string }

type groupRow struct {
	Name                                           string
	Destinations                                   []destination
	Waiting, Oldest, Movement, Seen, Leases, Keeps string
	Bad, Stalled, Away, NoKeeps, NoLease           bool
	Spark                                          view.Spark
}

type destination struct{ Class, Name string }

func (s *Site) pipeline(q *request) (*page, error) {
	p := &page{template: "pipeline", title: "Pipeline", nav: "Pipeline"}
	pp := &pipelinePage{JSON: q.as(formJSON), DeadHref: q.link("pipeline/dead"), ListsHref: q.link("pipeline/lists")}
	p.data = pp
	s.backend.Measure(q.Context())
	l := q.looks()
	if q.values.Get("pause") == "" {
		pp.Reload, pp.PauseHref = int(lookEvery/time.Second), q.here(map[string]string{"pause": "1"})
		p.refresh = int(lookEvery / time.Second)
	} else {
		pp.Paused, pp.PauseHref = "Paused.", q.here(map[string]string{"pause": ""})
	}
	if l == nil {
		pp.Verdict = "This collector reads no lists of a gateway"
		pp.State = &State{Title: "There is no tykredis receiver in a pipeline", Text: []string{"Pipeline shows what waits in the Redis that such a receiver reads."}}
		p.json = pipelineJSON{Destinations: q.fillDestinations(pp, s.backend.Process())}
		return p, nil
	}
	snap := l.wait(q.Context())
	process := s.backend.Process()
	pp.Servers = q.servers(l)
	if snap.err != nil {
		pp.State = &State{Kind: "trouble", Title: "Redis at " + l.address() + " does not answer since " + snap.failed.In(s.Zone).Format("15:04:05"), Text: []string{view.Visible(snap.err.Error()), "Gateways keep what they cannot push only for moments. What was claimed is safe in Redis."}, Retry: 5}
		if snap.look != nil {
			pp.State.Text = append(pp.State.Text, "Below is what the last look at "+snap.seen.In(s.Zone).Format("15:04:05")+" saw.")
		}
	}
	if snap.look == nil {
		pp.Verdict = "Looking at Redis…"
		if snap.err != nil {
			pp.Verdict = "Redis does not answer"
		} else if pp.State == nil {
			pp.State = &State{Title: "Looking for the first time…", Text: []string{"This page loads again by itself."}, Retry: 2}
		}
		p.json = pipelineJSON{Servers: serversJSON(pp.Servers), Error: pp.Verdict, Destinations: q.fillDestinations(pp, process)}
		return p, nil
	}
	look := snap.look
	pp.Verdict = verdict(look, snap.err)
	pp.When = fmt.Sprintf("Looked %s ago, at %s by Redis’ clock", view.Age(s.Now().Sub(snap.seen)), look.At.In(s.Zone).Format("15:04:05"))
	if snap.count == 1 {
		for _, g := range look.Groups {
			if g.Waiting > 0 && g.Movement == "unknown" {
				pp.First = &State{Title: "Looking a second time, to tell what moves…", Text: []string{fmt.Sprintf("%s for group %s. Whether they move is known in 2\u202fs.", view.Plural(g.Waiting, "entry waits", "entries wait"), view.Visible(g.Name))}, Retry: 2}
				break
			}
		}
	}
	q.fillFindings(pp, look)
	q.fillFlow(pp, look, l)
	q.fillGroups(pp, l, snap, process)
	q.fillReceipts(pp, look)
	pp.Redis = q.redisBlock(l, snap)
	pp.Dead = q.deadTable(look)
	p.json = pipelineJSON{Servers: serversJSON(pp.Servers), Status: look.JSON, Destinations: q.fillDestinations(pp, process)}
	if snap.err != nil {
		p.json = pipelineJSON{Servers: serversJSON(pp.Servers), Error: snap.err.Error(), Status: look.JSON, Destinations: q.fillDestinations(pp, process)}
	}
	return p, nil
}

// pipelineJSON is the page for programs. Status is what tykctl status -json says.
type pipelineJSON struct {
	Servers      []serverJSON      `json:"servers,omitempty"`
	Error        string            `json:"error,omitempty"`
	Status       any               `json:"status,omitempty"`
	Destinations []destinationJSON `json:"destinations"`
}

type serverJSON struct {
	Receiver string `json:"receiver"`
	Address  string `json:"address"`
	Troubles int    `json:"in_trouble"`
	Shown    bool   `json:"shown"`
}

func serversJSON(servers []serverLink) []serverJSON {
	var all []serverJSON
	for _, s := range servers {
		all = append(all, serverJSON{s.Name, s.Address, s.Troubles, s.Current})
	}
	return all
}

// servers are the links to each Redis, where there are several.
func (q *request) servers(current *looks) []serverLink {
	each := q.site.watches.each()
	if len(each) < 2 {
		return nil
	}
	var all []serverLink
	for _, l := range each {
		s := l.snapshot()
		link := serverLink{Href: q.linkWith("pipeline", map[string]string{"redis": l.name()}), Name: view.Visible(strings.Join(l.redis.Receivers(), ", ")), Address: view.Visible(l.address()), Troubles: troubles(s.look), Current: l == current}
		if s.err != nil {
			link.Troubles++
		}
		all = append(all, link)
	}
	return all
}

// verdict says the worst in one sentence, then whether anything is lost.
func verdict(look *Look, err error) string {
	if err != nil {
		return "Redis does not answer."
	}
	stuck, other := map[string]bool{}, 0
	missing, lost := int64(0), int64(0)
	for _, f := range look.Findings {
		if !f.Trouble {
			continue
		}
		if f.Group != "" && f.Code != "receipts_off" {
			stuck[f.Group] = true
		} else {
			other++
		}
	}
	for _, g := range look.Groups {
		for _, l := range g.Lists {
			if m := l.Receipts.Missing(); m > 0 {
				missing = max(missing, m)
			} else {
				missing = max(missing, -m)
			}
			lost += l.Receipts.Lost
		}
	}
	first := "Nothing is stuck."
	switch {
	case len(stuck) == 1:
		first = "One group is stuck."
	case len(stuck) > 1:
		first = fmt.Sprintf("%d groups are stuck.", len(stuck))
	case other == 1:
		first = "One thing is in trouble."
	case other > 1:
		first = fmt.Sprintf("%d things are in trouble.", other)
	}
	switch {
	case missing > 0:
		return first + " Receipts do not add up: " + view.Plural(missing, "entry is", "entries are") + " not accounted for."
	case lost > 0:
		return first + " Redis lost " + view.Plural(lost, "entry", "entries") + "."
	case len(stuck)+other == 0:
		return first + " Everything adds up."
	default:
		return first + " Nothing is lost."
	}
}

func (q *request) fillFindings(pp *pipelinePage, look *Look) {
	for _, f := range look.Findings {
		row := findingRow{Class: "notice", Severity: "Notice", Title: view.Visible(f.Title), Text: view.Visible(f.Text), Remedy: view.Visible(f.Remedy), Command: view.Visible(f.Command)}
		if f.Trouble {
			row.Class, row.Severity = "trouble", "Trouble"
		}
		switch {
		case f.Code == "dead_letters":
			row.Act = &Link{"Look at them", q.linkWith("pipeline/dead", map[string]string{"source": f.Source})}
		case f.Code == "group_away" && q.mayAct():
			row.Act, row.Danger, row.Command = &Link{"Remove group…", q.link("pipeline/groups/" + escape(f.Group) + "/remove")}, true, ""
		}
		pp.Findings = append(pp.Findings, row)
	}
}

func (q *request) fillFlow(pp *pipelinePage, look *Look, l *looks) {
	var unclaimed, flight, dead int64
	stored := 0.0
	lists, forms, ttl := 0, []string{}, time.Duration(-1)
	for _, l := range look.Lists {
		if l.ReplayTo == "" {
			lists++
			if !slices.Contains(forms, l.Form) {
				forms = append(forms, l.Form)
			}
		}
		unclaimed += l.Unclaimed
		dead += l.Dead
		if l.Unclaimed > 0 && l.TTL >= 0 && (ttl < 0 || l.TTL < ttl) {
			ttl = l.TTL
		}
	}
	oldest, group := time.Duration(0), firstOf(l.redis.StoreGroups())
	found := false
	for _, g := range look.Groups {
		if g.Name == group {
			flight, oldest, stored, found = g.Waiting, g.Oldest, g.PerSecond, true
		}
	}
	if !found && len(look.Groups) > 0 {
		g := look.Groups[0]
		group, flight, oldest, stored = g.Name, g.Waiting, g.Oldest, g.PerSecond
	}
	figure, unit := view.Unknown, ""
	if pushed, ok := pushRate(look); ok {
		figure, unit = view.RateParts(pushed, time.Second)
	}
	sub := "nothing waits"
	if unclaimed > 0 {
		sub = "in " + view.Plural(int64(lists), "list", "lists")
		if ttl >= 0 {
			sub = "dropped in " + view.Age(ttl)
		}
	}
	storedFigure, storedUnit := view.RateParts(stored, time.Second)
	deadSub := "none"
	if dead > 0 {
		deadSub = "wait to be replayed or dropped"
	}
	pp.Flow = []flowStep{
		{"Pushed by gateways", figure, unit, view.Plural(int64(lists), "list", "lists") + ", " + strings.Join(forms, ", ")},
		{"Not claimed yet", view.Count(unclaimed), "", sub},
		{"Claimed, in flight", view.Count(flight), "", "in group " + view.Visible(group) + "; oldest " + view.Age(oldest)},
		{"Stored", storedFigure, storedUnit, "by group " + view.Visible(group)},
		{"Dead letters", view.Count(dead), "", deadSub},
	}
	if len(look.Groups) == 0 {
		pp.Flow[2].Sub, pp.Flow[3].Sub, pp.Flow[3].Figure = "no group yet", "no group yet", view.Unknown
	}
}

// pushRate is how many entries gateways pushed a second, from two looks.
func pushRate(look *Look) (float64, bool) {
	rate, known := 0.0, false
	if s, ok := look.State.(interface{ PushRate() (float64, bool) }); ok {
		rate, known = s.PushRate()
	}
	return rate, known
}

func (q *request) fillGroups(pp *pipelinePage, l *looks, snap snapshot, process Process) {
	for _, g := range snap.look.Groups {
		row := groupRow{
			Name: view.Visible(g.Name), Waiting: view.Count(g.Waiting), Oldest: view.Age(g.Oldest), Seen: view.Age(g.Ago) + " ago", Away: g.Away, Stalled: g.Movement == "stalled" || g.Away && g.Waiting > 0,
			Bad: g.Away && g.Waiting > 0, Keeps: "0", NoKeeps: g.Keeps.Entries == 0,
		}
		if g.Waiting == 0 {
			row.Oldest = view.Unknown
		}
		switch {
		case g.Movement == "moving":
			row.Movement = "moving, " + view.Rate(g.PerSecond, time.Second)
		case row.Stalled:
			row.Movement = "standing still"
		case g.Movement == "idle":
			row.Movement = "nothing waits"
		default:
			row.Movement = "not known yet"
		}
		if g.Keeps.Entries > 0 {
			row.Keeps = view.Plural(g.Keeps.Entries, "entry", "entries")
			if g.Keeps.Bytes > 0 {
				row.Keeps = view.Size(g.Keeps.Bytes)
			}
		}
		row.Spark = view.NewSpark("Waiting entries of group "+row.Name+" over the last 15 minutes", snap.course[g.Name], nil, row.Bad)
		row.Leases, row.NoLease = leasesText(g.Leases)
		exporters := l.redis.Groups()[g.Name]
		for _, id := range exporters {
			row.Destinations = append(row.Destinations, destination{healthClass(process, id), id})
		}
		if len(exporters) == 0 {
			row.Destinations = []destination{{"off", "not in this process"}}
		}
		pp.Groups = append(pp.Groups, row)
	}
}

func leasesText(leases []Lease) (text string, none bool) {
	byWorker, names := map[string]int{}, []string{}
	expired := time.Duration(0)
	for _, l := range leases {
		if l.Expired {
			expired = max(expired, -l.In)
			continue
		}
		if _, ok := byWorker[l.Worker]; !ok {
			names = append(names, l.Worker)
		}
		byWorker[l.Worker] += l.Segments
	}
	if len(names) == 0 {
		if expired > 0 {
			return "none; expired " + view.Age(expired) + " ago", true
		}
		return "none", true
	}
	for i, name := range names {
		names[i] = view.Visible(name) + " " + view.Plural(int64(byWorker[name]), "segment", "segments")
	}
	return strings.Join(names, ", "), false
}

func healthClass(p Process, id string) string {
	for _, c := range p.Components {
		if c.ID == id && c.Kind == "exporter" {
			return statusClassOf(c.Status)
		}
	}
	return "ok"
}

func statusClassOf(status string) string {
	switch status {
	case "StatusOK", "StatusStarting", "":
		return "ok"
	case "StatusRecoverableError", "StatusStopping":
		return "warn"
	case "StatusPermanentError", "StatusFatalError":
		return "bad"
	default:
		return "off"
	}
}
