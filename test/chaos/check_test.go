//go:build e2e || chaos

package chaos

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
)

// outcome is what a run found out.
type outcome struct {
	plan            plan
	records, poison int // pushed
	lost, doubled   int // over all groups
	letters         int // of all groups
	faults          map[string]int
	rollups         map[string]compared // by the product of the store
	destinations    map[string]account  // of doubles, by their names
	again           int64               // records that were stored and not acknowledged when their collector was killed
	drained         time.Duration
	faulty          error // everything that is not as it must be
}

// compared is what was found in the rollups of groups that saw everything.
type compared struct {
	groups, totals int   // of organisations, APIs and buckets
	hits           int64 // of the organisations' totals
	wrong          int
}

// shown is how many examples an error gives.
const shown = 10

// check compares everything with what was pushed.
func (w *world) check(ctx context.Context) *outcome {
	o := &outcome{plan: w.plan, faults: w.chronicle.faults, again: w.chronicle.again, rollups: map[string]compared{}, destinations: map[string]account{}}
	o.records, o.poison = w.journal.totals()
	letters, err := w.letters(ctx)
	errs := []error{err, w.chronicle.wrong}
	for _, g := range w.groups {
		errs = append(errs, w.checkStore(ctx, g, o), w.checkLetters(g, letters[g.name]))
		o.letters += len(letters[g.name])
		if d, ok := g.store.(double); ok {
			o.destinations[d.product()] = d.account()
		}
	}
	n, err := w.database.deadlocks(ctx)
	if err == nil && n > 0 {
		err = fmt.Errorf("PostgreSQL has seen %d deadlocks", n)
	}
	o.faulty = errors.Join(append(errs, err, w.checkReceipts(ctx), w.checkLeftovers(ctx))...)
	return o
}

// checkStore looks for each record in the group's store.
func (w *world) checkStore(ctx context.Context, g *group, o *outcome) error {
	t, err := g.store.tally(ctx)
	if err != nil {
		return fmt.Errorf("group %s: read the store: %w", g.name, err)
	}
	var errs []error
	fault := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("group "+g.name+": "+format, args...))
	}
	pushed := w.journal.byRecord()
	var lost, doubled, unknown []int
	for n, f := range pushed {
		switch times := t.times[n]; {
		case times > 1:
			doubled = append(doubled, n)
		case times == 0 && g.mustHave(f) && !refusesRecord(g.store, n):
			lost = append(lost, n)
		}
	}
	for n := range t.times {
		if pushed[n] == nil {
			unknown = append(unknown, n)
		}
	}
	o.lost += len(lost)
	o.doubled += len(doubled)
	if len(lost) > 0 {
		fault("%d records are lost:\n%s", len(lost), w.flushesOf(lost))
	}
	if len(doubled) > 0 {
		slices.Sort(doubled)
		fault("%d records are there more than once:\n%s%s", len(doubled), w.flushesOf(doubled), explain(ctx, g.store, doubled))
	}
	if len(unknown) > 0 {
		fault("%d records were never pushed, such as %v", len(unknown), unknown[:min(len(unknown), shown)])
	}
	for _, problem := range t.faults[:min(len(t.faults), shown)] {
		fault("%s", problem)
	}
	errs = append(errs, w.checkOthers(g, t), w.checkRollups(g, t, o))
	if errors.Join(errs...) == nil && len(t.times) == len(pushed) && t.sums != nil && !maps.Equal(t.sums, w.journal.sums) {
		fault("the sums by API and response code are %v, want %v", t.sums, w.journal.sums)
	}
	return errors.Join(errs...)
}

// checkOthers looks for poison in a store: there once where the store holds its
// kind, and not at all otherwise.
func (w *world) checkOthers(g *group, t *tally) error {
	var strangers, lost, doubled []string
	for alias, times := range t.others {
		switch r, pushed := w.journal.refused[alias]; {
		case !pushed || !g.store.holds(r.kind):
			strangers = append(strangers, alias)
		case times > 1:
			doubled = append(doubled, alias)
		}
	}
	for alias, r := range w.journal.refused {
		if g.store.holds(r.kind) && g.mustHave(r.flush) && t.others[alias] == 0 {
			lost = append(lost, alias)
		}
	}
	var errs []error
	for what, aliases := range map[string][]string{
		"are not of good records": strangers, "that other stores refuse are lost": lost, "that other stores refuse are there more than once": doubled,
	} {
		if len(aliases) > 0 {
			errs = append(errs, fmt.Errorf("group %s: %d rows %s, such as %q", g.name, len(aliases), what, aliases[:min(len(aliases), shown)]))
		}
	}
	return errors.Join(errs...)
}

// checkRollups compares the rollups of a store with what was pushed. A group that has
// not seen everything, or was forgotten in the middle of a delivery, counts less.
func (w *world) checkRollups(g *group, t *tally, o *outcome) error {
	exact := slices.Contains(w.plan.groups(), g.name) && !g.wasForgotten()
	all := w.journal.rollups.as(g.store)
	var errs []error
	found := o.rollups[g.store.product()]
	for _, c := range t.rollups {
		wrong := func(of rollupOf, got, want rollup) {
			found.wrong++
			errs = append(errs, fmt.Errorf("group %s: %s count %+v of %+v, want %+v", g.name, c.in, got, of, want))
		}
		for of, want := range all {
			if got := c.rollups[of]; got.hits > want.hits || exact && got != want {
				wrong(of, got, want)
			}
		}
		for of, got := range c.rollups {
			if _, pushed := all[of]; !pushed {
				wrong(of, got, rollup{})
			}
		}
		if exact {
			found.groups++
			found.totals += len(all)
			found.hits += c.hits()
		}
	}
	if found != (compared{}) {
		o.rollups[g.store.product()] = found
	}
	return errors.Join(errs[:min(len(errs), shown)]...)
}

func explain(ctx context.Context, s store, records []int) string {
	var b strings.Builder
	for _, n := range records[:min(len(records), shown/2)] {
		fmt.Fprintf(&b, "    record %d: %s\n", n, s.explain(ctx, n))
	}
	return b.String()
}

// flushesOf tells when and where records were pushed.
func (w *world) flushesOf(records []int) string {
	pushed := w.journal.byRecord()
	counts, first := map[*flush]int{}, map[*flush]int{}
	for _, n := range slices.Sorted(slices.Values(records)) {
		f := pushed[n]
		if counts[f] == 0 {
			first[f] = n
		}
		counts[f]++
	}
	var b strings.Builder
	flushes := slices.SortedFunc(maps.Keys(counts), func(x, y *flush) int { return x.begun.Compare(y.begun) })
	for _, f := range flushes[:min(len(flushes), shown)] {
		fmt.Fprintf(&b, "    %d of the %d of flush %d of gateway %d to %s, from record %d on; pushed %s, confirmed %s, attempts %d\n",
			counts[f], f.to-f.from, f.number, f.gateway, f.list, first[f], w.chronicle.stamp(f.begun), w.chronicle.stamp(f.done), f.attempts)
	}
	if len(flushes) > shown {
		fmt.Fprintf(&b, "    and %d more flushes\n", len(flushes)-shown)
	}
	return b.String()
}

// letters reads all dead letters, by group.
func (w *world) letters(ctx context.Context) (map[string][]claim.Letter, error) {
	all := map[string][]claim.Letter{}
	for _, src := range w.books.sources {
		err := w.books.store.Letters(ctx, src, func(l claim.Letter) bool {
			all[l.Group] = append(all[l.Group], l)
			return true
		})
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

// checkLetters checks that exactly what the store refuses is a dead letter, unchanged.
func (w *world) checkLetters(g *group, letters []claim.Letter) error {
	var errs []error
	fault := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("group "+g.name+": "+format, args...))
	}
	kept := map[string]int{}
	for _, l := range letters {
		key, known := string(l.Entry), w.journal.undecodable[string(l.Entry)] != nil
		if !known {
			alias, err := aliasOf(l.Entry)
			if err != nil {
				fault("dead letter %s was not pushed as poison: %s", l.UID, l.Reason)
				continue
			}
			n, numeric := strconv.Atoi(alias)
			key, known = alias, g.store.refuses(w.journal.refused[alias].kind) || numeric == nil && refusesRecord(g.store, n)
		}
		if !known {
			fault("dead letter %s is the good record %q: %s", l.UID, key, l.Reason)
		}
		if kept[key]++; kept[key] > 1 {
			fault("dead letter %s is there more than once: %s", l.UID, l.Reason)
		}
	}
	missing := 0
	for key, f := range w.journal.undecodable {
		if kept[key] == 0 && g.mustHave(f) {
			missing++
		}
	}
	for alias, r := range w.journal.refused {
		if kept[alias] == 0 && g.store.refuses(r.kind) && g.mustHave(r.flush) {
			missing++
		}
	}
	for n, f := range w.journal.byRecord() {
		if kept[strconv.Itoa(n)] == 0 && refusesRecord(g.store, n) && g.mustHave(f) {
			missing++
		}
	}
	if missing > 0 {
		fault("%d poison entries are no dead letters", missing)
	}
	return errors.Join(errs[:min(len(errs), shown)]...)
}

// aliasOf reads the alias of a record in either wire form.
func aliasOf(entry []byte) (string, error) {
	var r analytics.Record
	err := analytics.DecodeMsgpack(entry, &r)
	if err != nil {
		err = analytics.DecodeProtobuf(entry, &r)
	}
	return r.Alias, err
}

// checkReceipts checks that what each group saw was delivered or became a dead letter, and that
// groups which were there from the beginning saw everything.
func (w *world) checkReceipts(ctx context.Context) error {
	reports, err := w.books.inspect(ctx)
	if err != nil {
		return err
	}
	pushed := w.journal.entries()
	var errs []error
	for _, report := range reports {
		for _, r := range report.Groups {
			i := slices.IndexFunc(w.groups, func(g *group) bool { return g.name == r.Name })
			if i < 0 {
				errs = append(errs, fmt.Errorf("%s: a group %q that nobody made", report.Source, r.Name))
				continue
			}
			of := r.Receipts
			if of.Seen != of.Delivered+of.Dead+of.Lost+of.Shed+r.Waiting || of.Delivered < 0 || of.Lost != 0 || of.Shed != 0 || r.Waiting != 0 {
				errs = append(errs, fmt.Errorf("%s: group %s: receipts do not add up: %+v, waiting %d", report.Source, r.Name, of, r.Waiting))
			}
			if slices.Contains(w.plan.groups(), r.Name) && !w.groups[i].wasForgotten() && of.Seen != pushed[report.Source] {
				errs = append(errs, fmt.Errorf("%s: group %s has seen %d of %d entries", report.Source, r.Name, of.Seen, pushed[report.Source]))
			}
		}
	}
	return errors.Join(errs...)
}

// What may be in Redis when nothing waits: what the protocol keeps of each list,
// and of each list of replays; dead letters; the harness's own keys.
var (
	kept    = regexp.MustCompile(`^otelcol-tyk:\{[^}]*\}:(seq|groups|workers|progress|receipts|dead|dead:(order|causes|bytes)|replay:[a-z]+:(groups|progress|receipts))$`)
	ownKeys = regexp.MustCompile(`^chaos:`)
	// lasting are the fields of a hash of progress that belong to no segment.
	lasting = regexp.MustCompile(`^[a-z]+\|(floor|expiry)$`)
)

// checkLeftovers looks for what should not be in Redis when nothing waits.
func (w *world) checkLeftovers(ctx context.Context) error {
	var errs []error
	keys := map[string]bool{}
	for _, node := range w.server.nodes() {
		of, err := node.Client().Keys(ctx, "*").Result()
		if err != nil {
			return fmt.Errorf("list the keys of %s: %w", node.Addr(), err)
		}
		for _, key := range of {
			keys[key] = true
		}
	}
	for key := range keys {
		if !kept.MatchString(key) && !ownKeys.MatchString(key) {
			errs = append(errs, fmt.Errorf("left in Redis: %s", key))
			continue
		}
		if !strings.HasSuffix(key, ":progress") {
			continue
		}
		fields, err := w.rdb.HKeys(ctx, key).Result()
		if err != nil {
			return err
		}
		for _, field := range fields {
			if !lasting.MatchString(field) {
				errs = append(errs, fmt.Errorf("left in Redis: field %s of %s", field, key))
			}
		}
	}
	return errors.Join(errs[:min(len(errs), shown)]...)
}
