//go:build e2e || chaos

package chaos

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"text/template"
)

// summary is one line about a seed.
func (o *outcome) summary() string {
	result := "as pushed"
	if o.faulty != nil {
		result = "FAILED"
	}
	return fmt.Sprintf("seed %d: %s; %d records and %d poison in %.0f s, %d faults, %d records stored and then delivered again, drained in %.1f s: lost %d, doubled %d, dead letters %d, rollups %s: %s",
		o.plan.seed, o.plan, o.records, o.poison, o.plan.length.Seconds(), o.inflicted(), o.again, o.drained.Seconds(), o.lost, o.doubled, o.letters, o.counted(), result)
}

// counted tells of the rollups of each product.
func (o *outcome) counted() string {
	var all []string
	for _, product := range slices.Sorted(maps.Keys(o.rollups)) {
		c := o.rollups[product]
		all = append(all, fmt.Sprintf("%s %d/%d", product, c.totals-c.wrong, c.totals))
	}
	return strings.Join(all, ", ")
}

func (o *outcome) inflicted() int {
	total := 0
	for _, n := range o.faults {
		total += n
	}
	return total
}

// report is about many seeds, and about groups.
type report struct {
	outcomes  []*outcome
	isolation map[setting][]pair
}

// kind is a row of the table of faults.
type kind struct {
	Name  string
	Count int // how often it was inflicted
	Seeds int // in how many seeds
}

// survived counts faults by kind, in the seeds that passed.
func (r *report) survived() []kind {
	byName := map[string]*kind{}
	for _, o := range r.outcomes {
		if o.faulty != nil {
			continue
		}
		for name, n := range o.faults {
			if byName[name] == nil {
				byName[name] = &kind{Name: name}
			}
			byName[name].Count += n
			byName[name].Seeds++
		}
	}
	kinds := make([]kind, 0, len(byName))
	for _, k := range byName {
		kinds = append(kinds, *k)
	}
	slices.SortFunc(kinds, func(x, y kind) int { return strings.Compare(x.Name, y.Name) })
	return kinds
}

// String is the report's end: what was survived, and what it adds up to.
func (r *report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%6s %6s  %s\n", "times", "seeds", "fault survived")
	faults := 0
	for _, k := range r.survived() {
		fmt.Fprintf(&b, "%6d %6d  %s\n", k.Count, k.Seeds, k.Name)
		faults += k.Count
	}
	for _, s := range r.stores() {
		fmt.Fprintf(&b, "%s: %d groups of rollups, %d totals compared, %d requests counted, %d totals wrong\n",
			s.Product, s.Groups, s.Totals, s.Hits, s.Wrong)
	}
	for _, d := range r.destinations() {
		fmt.Fprintf(&b, "%s: %d seeds, %+v\n", d.Name, d.Seeds, d.account)
	}
	totals := r.totals()
	fmt.Fprintf(&b, "%d seeds, %d failed: %d faults survived; %d records and %d poison pushed in %.0f s; lost %d, doubled %d\n",
		len(r.outcomes), totals.Failed, faults, totals.Records, totals.Poison, totals.Seconds, totals.Lost, totals.Doubled)
	return b.String()
}

// storeRow is a row of the table of rollups.
type storeRow struct {
	Product               string
	Groups, Totals, Wrong int
	Hits                  int64
}

// stores adds up what was found in rollups, by product.
func (r *report) stores() []storeRow {
	byProduct := map[string]storeRow{}
	for _, o := range r.outcomes {
		for product, c := range o.rollups {
			row := byProduct[product]
			byProduct[product] = storeRow{product, row.Groups + c.groups, row.Totals + c.totals, row.Wrong + c.wrong, row.Hits + c.hits}
		}
	}
	return slices.SortedFunc(maps.Values(byProduct), func(x, y storeRow) int { return strings.Compare(x.Product, y.Product) })
}

// destinationRow is a row of the table of destinations.
type destinationRow struct {
	Name  string
	Seeds int
	account
}

// destinations adds up what destinations have seen, by their names.
func (r *report) destinations() []destinationRow {
	byName := map[string]destinationRow{}
	for _, o := range r.outcomes {
		for name, seen := range o.destinations {
			row := byName[name]
			row.Name = name
			row.Seeds++
			row.add(seen)
			byName[name] = row
		}
	}
	return slices.SortedFunc(maps.Values(byName), func(x, y destinationRow) int { return strings.Compare(x.Name, y.Name) })
}

// totals are sums over all seeds.
type totals struct {
	Records, Poison, Lost, Doubled, Letters, Failed, Faults int
	Again                                                   int64
	Seconds                                                 float64
}

func (r *report) totals() totals {
	var t totals
	for _, o := range r.outcomes {
		t.Records += o.records
		t.Poison += o.poison
		t.Lost += o.lost
		t.Doubled += o.doubled
		t.Letters += o.letters
		t.Faults += o.inflicted()
		t.Again += o.again
		t.Seconds += o.plan.length.Seconds()
		if o.faulty != nil {
			t.Failed++
		}
	}
	return t
}

// page is docs/chaos.md.
const page = `# Chaos

What ` + "`{{.Command}}`" + ` found. Each seed runs the built binary with a Redis and a PostgreSQL of its own, and many with SQLite files, CSV files
and a MongoDB (FerretDB, which speaks its protocol) for groups of their own. Each has three more groups, in one process, of other
destinations: Tyk's own RPC server stands for MDCB, and doubles, which answer as the products do and count, for all others. Two gateways push msgpack and protobuf records
to several lists, with poison among them: entries that do not decode, records with a number that no store can hold, records
that a rule of PostgreSQL's table forbids, and records of an organisation after which MongoDB cannot name a collection.
Meanwhile a schedule that follows from the seed inflicts faults, several at a time. Afterwards every store of every group
is compared with what was pushed, record by record:

- lost: records that are missing in a group's store, of those pushed since the group is known;
- doubled: records that a store has more than once. OpenSearch, InfluxDB, Segment and FIFO queues know a record that they have, and have
  it once whatever happens. The other destinations promise each record at least once: it may come again where no answer told that it was
  taken, or where Redis, the collector or the network between them failed before it was acknowledged. All else is doubled; that a
  destination refuses something for now, or takes a part of a request, is no reason to send again what it took;
- rollups: for each organisation and bucket, the total and each API count exactly the requests that were pushed, and how
  long they took; in MongoDB there is one document for each, in which sums, means and lists are of each other;
- dead letters are exactly what the group's store refuses, byte by byte, once for each group;
- receipts: each group has seen every entry, and what it saw was delivered or became a dead letter;
- Redis holds nothing but bookkeeping and dead letters, and PostgreSQL has seen no deadlock.

A seed is run again with ` + "`make chaos SEED=<seed> SECONDS={{.Length}}`" + `: the same set-up, the same faults in the same order, at
about the same times.

**{{.Totals.Records}} records and {{.Totals.Poison}} poison entries pushed in {{printf "%.0f" .Totals.Seconds}} s; {{.Totals.Faults}} faults; lost {{.Totals.Lost}}, doubled {{.Totals.Doubled}}; {{.Totals.Failed}} of {{len .Seeds}} seeds failed.**

## Faults survived

| fault | times | seeds |
|---|---|---|
{{range .Kinds}}| {{.Name}} | {{.Count}} | {{.Seeds}} |
{{end}}
## Rollups

Of groups that were there from the beginning; a document that MongoDB keeps in two collections counts twice.

| store | collections or tables compared | totals compared | requests counted | totals wrong |
|---|---|---|---|---|
{{range .Stores}}| {{.Product}} | {{.Groups}} | {{.Totals}} | {{.Hits}} | {{.Wrong}} |
{{end}}
## Destinations

Requests are messages over TCP, and calls of MDCB. UDP has no acknowledgements, so it is not tested here.

| destination | seeds | records | requests | refused for now, cut, or taken in part | taken without an answer | again after no answer | again after another fault |
|---|---|---|---|---|---|---|---|
{{range .Destinations}}| {{.Name}} | {{.Seeds}} | {{.Records}} | {{.Requests}} | {{.Failed}} | {{.Withheld}} | {{.Unanswered}} | {{.Disturbed}} |
{{end}}
## Seeds

| seed | set-up | records | poison | faults | drained in | lost | doubled | |
|---|---|---|---|---|---|---|---|---|
{{range .Seeds}}| {{.Seed}} | {{.Plan}} | {{.Records}} | {{.Poison}} | {{.Faults}} | {{.Drained}} s | {{.Lost}} | {{.Doubled}} | {{.Result}} |
{{end}}{{if .Isolation}}
## A group beside one that is stuck

A backlog is drained into PostgreSQL by one group, alone and while a second group, which sees the same records, cannot
reach its destination. Records a second from the claim to the last acknowledgement, in pairs that alternate which comes
first; the ratio is the median of the pairs'.

| | alone | beside | ratio |
|---|---|---|---|
{{range .Isolation}}| {{.Setting}} | {{.Alone}} | {{.Beside}} | **{{.Ratio}}** |
{{end}}{{end}}`

// write writes the page. The command is how it was made, with seeds of so many s.
func (r *report) write(path, command string, seconds int) error {
	type seed struct {
		Seed                                   uint64
		Plan, Drained, Result                  string
		Records, Poison, Faults, Lost, Doubled int
	}
	var seeds []seed
	for _, o := range r.outcomes {
		result := "passed"
		if o.faulty != nil {
			result = "**failed**"
		}
		seeds = append(seeds, seed{
			Seed: o.plan.seed, Plan: o.plan.String(), Drained: fmt.Sprintf("%.1f", o.drained.Seconds()), Result: result,
			Records: o.records, Poison: o.poison, Faults: o.inflicted(), Lost: o.lost, Doubled: o.doubled,
		})
	}
	if len(seeds) == 0 {
		return errors.New("there is nothing to report")
	}
	data := map[string]any{
		"Command": command, "Length": seconds, "Totals": r.totals(), "Kinds": r.survived(), "Seeds": seeds,
		"Isolation": r.comparisons(), "Stores": r.stores(), "Destinations": r.destinations(),
	}
	var text bytes.Buffer
	if err := template.Must(template.New("page").Parse(page)).Execute(&text, data); err != nil {
		return err
	}
	return os.WriteFile(path, text.Bytes(), 0o644) //nolint:gosec // a document for everyone
}

// contrast is a row about a group beside one that is stuck.
type contrast struct {
	Setting              setting
	Alone, Beside, Ratio string
}

func (r *report) comparisons() []contrast {
	var rows []contrast
	for _, how := range allSettings {
		pairs := r.isolation[how]
		if len(pairs) == 0 {
			continue
		}
		row := contrast{Setting: how, Ratio: fmt.Sprintf("%.2f", ratio(pairs))}
		for i, p := range pairs {
			if i > 0 {
				row.Alone += ", "
				row.Beside += ", "
			}
			row.Alone += fmt.Sprintf("%.0f", p.alone)
			row.Beside += fmt.Sprintf("%.0f", p.beside)
		}
		rows = append(rows, row)
	}
	return rows
}
