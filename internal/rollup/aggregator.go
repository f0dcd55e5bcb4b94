package rollup

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// Aggregator counts records. It holds none back, and remembers nothing but which
// values its budget let through. Its methods may be called at the same time.
type Aggregator struct {
	settings    Settings
	zone        *time.Location
	fingerprint string
	ignored     [dimensions]bool
	budget      *budget
}

// NewAggregator fails for a zone that is not known.
func NewAggregator(s Settings) (*Aggregator, error) {
	zone, err := time.LoadLocation(s.Zone)
	if err != nil {
		return nil, fmt.Errorf("load the time zone %q: %w", s.Zone, err)
	}
	a := &Aggregator{settings: s, zone: zone, fingerprint: s.Fingerprint(), budget: newBudget(&s)}
	for _, d := range s.Ignore {
		a.ignored[d] = true
	}
	return a, nil
}

// Tally is what else is to be told of a chunk.
type Tally struct {
	// Records were counted in some family.
	Records int64
	// Uptime are uptime checks, Foreign other log records that are no requests; both
	// are left out.
	Uptime, Foreign int64
	// Ownerless are requests of no organisation, which the family Requests leaves out.
	Ownerless int64
	// Folded counts, by dimension, what is counted as OtherValue.
	Folded [dimensions]int64
	// Alerts are told once for each bucket.
	Alerts []TagAlert
}

// FoldedBy gives the dimensions of which something was folded, and how much.
func (t *Tally) FoldedBy(yield func(Dimension, int64) bool) {
	for d, n := range t.Folded {
		if n > 0 && !yield(Dimension(d), n) { //nolint:gosec // one of a few
			return
		}
	}
}

// Aggregate counts the requests of a chunk. The groups share the memory of the
// log records' texts.
func (a *Aggregator) Aggregate(logs plog.Logs, cut Cut) ([]Group, Tally) {
	b := &booking{Aggregator: a, cut: cut, ledgers: map[ledgerKey]*ledger{}}
	for _, resource := range logs.ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			for _, log := range scope.LogRecords().All() {
				switch log.EventName() {
				case analytics.EventRequest:
					b.bookLog(log)
				case analytics.EventUptime:
					b.tally.Uptime++
				default:
					b.tally.Foreign++
				}
			}
		}
	}
	return b.groups(), b.tally
}

// booking is the work on one chunk.
type booking struct {
	*Aggregator
	cut     Cut
	ledgers map[ledgerKey]*ledger
	recent  [families]*ledger // that of the record before
	record  analytics.Countable
	one     Counter
	counted bool // the record, in some family
	tally   Tally
	free    []counterRoom
}

// counterRoom is what a new value takes.
type counterRoom struct {
	counted
	own Counter
}

// ledgerKey names what becomes a group.
type ledgerKey struct {
	family   Family
	org, api string
	bucket   int64
	segment  string
	part     uint64
}

// ledger collects what becomes a group.
type ledger struct {
	ledgerKey
	start    time.Time
	records  Indices
	expireAt time.Time
	total    Counter
	counters counters
}

func (b *booking) bookLog(log plog.LogRecord) {
	r := &b.record
	r.FromLog(log)
	uid, err := analytics.ParseUID(r.UID)
	if err != nil {
		uid = analytics.UID{}
	}
	b.counted = false
	if r.MCP.IsMCP {
		b.book(MCP, uid)
	}
	if r.GraphQL.IsGraphQL {
		b.book(Graph, uid)
	}
	switch {
	case r.MCP.IsMCP || r.GraphQL.IsGraphQL:
	case r.OrgID == "":
		b.tally.Ownerless++
	default:
		b.book(Requests, uid)
	}
	if b.counted {
		b.tally.Records++
	}
}

// find gives the ledger of the record.
func (b *booking) find(family Family, uid analytics.UID) *ledger {
	r := &b.record
	start := Bucket(r.TimeStamp.In(b.zone), b.settings.Minutes)
	k := ledgerKey{family: family, org: r.OrgID, bucket: start.Unix(), segment: uid.Segment}
	if family != Requests {
		k.api = r.APIID
	}
	if b.cut != nil {
		k.part = b.cut.part(family, uid.Segment, uid.Index)
	}
	if l := b.recent[family]; l != nil && l.ledgerKey == k {
		return l
	}
	l := b.ledgers[k]
	if l == nil {
		l = &ledger{ledgerKey: k, start: start, counters: counters{}}
		b.ledgers[k] = l
	}
	b.recent[family] = l
	return l
}

// book counts the record in a family.
func (b *booking) book(family Family, uid analytics.UID) {
	l := b.find(family, uid)
	if l.segment != "" && !l.records.Add(uid.Index) {
		return // it is in the chunk twice
	}
	b.counted = true
	r := &b.record
	b.one.one(r)
	if r.ExpireAt.After(l.expireAt) {
		l.expireAt = r.ExpireAt
	}
	if r.ResponseCode == networkCode {
		b.bookNetwork(l)
		return
	}
	l.total.Add(&b.one, Total)
	b.bookRequest(l)
	switch family {
	case Graph:
		b.bookGraph(l)
	case MCP:
		b.bookMCP(l)
	case Requests:
	}
}

// bookRequest counts what all requests have.
func (b *booking) bookRequest(l *ledger) {
	r := &b.record
	api, version, apiKey, oauth := hashText(r.APIID), hashText(r.APIVersion), hashText(r.APIKey), hashText(r.OauthID)
	b.add(l, r.APIID != "", key{dimension: APIID, a: r.APIID}, api, r.APIName)
	if r.ResponseCode >= firstError {
		b.add(l, true, key{dimension: Errors, number: r.ResponseCode}, hash(r.ResponseCode), "") //nolint:gosec // any 64 bits will do
	}
	b.add(l, r.APIVersion != "", key{dimension: Versions, a: r.APIID, b: r.APIVersion}, api.with(version), "")
	b.add(l, r.APIKey != "", key{dimension: APIKeys, a: r.APIKey}, apiKey, r.Alias)
	b.add(l, r.OauthID != "", key{dimension: OauthIDs, a: r.OauthID}, oauth, "")
	b.addText(l, Geo, r.CountryISOCode)
	if !b.ignored[Tags] {
		for _, tag := range r.Tags {
			b.addText(l, Tags, b.settings.countedTag(tag, l.family))
		}
	}
	if r.TrackPath || b.settings.TrackAllPaths && l.family == Requests {
		path := hashText(r.Path)
		b.add(l, true, key{dimension: Endpoints, a: r.Path}, path, "")
		b.add(l, r.APIKey != "", key{dimension: KeyEndpoints, a: r.APIKey, b: r.APIID, c: r.Path}, apiKey.with(api).with(path), "")
		b.add(l, r.OauthID != "", key{dimension: OauthEndpoints, a: r.OauthID, b: r.APIID, c: r.Path}, oauth.with(api).with(path), "")
		b.add(l, true, key{dimension: APIEndpoints, a: r.APIID, b: r.APIVersion, c: r.Path}, api.with(version).with(path), "")
	}
}

// bookNetwork counts a second of a TCP API: its traffic is no request (contract:
// aggregates, section 1.4).
func (b *booking) bookNetwork(l *ledger) {
	n := b.record.Network
	b.one.BytesIn, b.one.BytesOut = n.BytesIn, n.BytesOut
	api := b.record.APIID
	b.add(l, api != "", key{dimension: APIID, a: api}, hashText(api), b.record.APIName)
	b.one.OpenConnections, b.one.ClosedConnections = n.OpenConnections, n.ClosedConnections
	l.total.Add(&b.one, Total)
}

// bookGraph counts what a GraphQL request asked for. There an answer with errors
// is an error, whatever its status (contract: aggregates, section 4.5).
func (b *booking) bookGraph(l *ledger) {
	g := &b.record.GraphQL
	if g.HasErrors && b.one.Errors == 0 {
		b.one.Errors = 1
		b.one.Success--
	}
	for _, t := range b.record.Types {
		of := hashText(t.Name)
		b.add(l, true, key{dimension: Types, a: t.Name}, of, "")
		for _, field := range t.Fields {
			b.add(l, true, key{dimension: Fields, a: t.Name, b: field}, of.with(hashText(field)), "")
		}
	}
	operation := g.OperationType.Name()
	b.add(l, true, key{dimension: Operation, a: operation}, hashText(operation), "")
	for _, field := range g.RootFields {
		b.add(l, true, key{dimension: RootFields, a: field}, hashText(field), "")
	}
}

func (b *booking) bookMCP(l *ledger) {
	m := &b.record.MCP
	b.addText(l, Methods, m.JSONRPCMethod)
	b.addText(l, Primitives, m.PrimitiveType)
	b.add(l, m.PrimitiveName != "", key{dimension: Names, a: m.PrimitiveType, b: m.PrimitiveName},
		hashText(m.PrimitiveType).with(hashText(m.PrimitiveName)), "")
}

// addText counts the record for a value of one text, if it is there.
func (b *booking) addText(l *ledger, d Dimension, text string) {
	if text != "" {
		b.add(l, true, key{dimension: d, a: text}, hashText(text), "")
	}
}

// add counts the record for a value that is there; h is the hash of its texts, and
// human names it for people where the value does not.
func (b *booking) add(l *ledger, there bool, k key, h hash, human string) {
	if !there || b.ignored[k.dimension] {
		return
	}
	h = h.with(hash(k.dimension))
	c := l.counters.get(&k, h)
	if c == nil {
		c = b.counter(l, &k, h)
		l.counters.put(h, c)
	}
	b.one.Identifier, b.one.HumanIdentifier = c.Identifier, c.HumanIdentifier
	switch {
	case c.folded:
		b.tally.Folded[k.dimension]++
	case k.dimension == APIID || k.dimension == APIKeys:
		b.one.HumanIdentifier = human
	}
	c.Add(&b.one, k.dimension)
	if b.settings.Latencies && b.one.Hits > 0 && (k.dimension == APIID || k.dimension == APIKeys || k.dimension == APIEndpoints) {
		if c.Latencies == nil {
			c.Latencies = NewSketch()
		}
		c.Latencies.Add(b.record.Latency.Total)
	}
}

// counter makes the counter of a value that the chunk has not met yet.
func (b *booking) counter(l *ledger, k *key, h hash) *counted {
	if len(b.free) == 0 {
		const atOnce = 64
		b.free = make([]counterRoom, atOnce)
	}
	room := &b.free[0]
	b.free = b.free[1:]
	c := &room.counted
	c.key, c.Counter = *k, &room.own
	named := *k
	if c.folded = !b.budget.admits(l.budgetKey(k.dimension), h); c.folded {
		named = otherKey(k.dimension)
		others := hash(0).with(hash(k.dimension))
		if other := l.counters.get(&named, others); other != nil {
			c.Counter = other.Counter
			return c
		}
		l.counters.put(others, &counted{Counter: c.Counter, key: named, folded: true})
	}
	_, value := named.encode()
	c.Identifier, c.HumanIdentifier = named.names(value)
	return c
}

func (l *ledger) budgetKey(d Dimension) budgetKey {
	return budgetKey{family: l.family, dimension: d, org: l.org, api: l.api, bucket: l.bucket}
}

// groups closes the ledgers, in an order that does not depend on maps.
func (b *booking) groups() []Group {
	groups := make([]Group, 0, len(b.ledgers))
	ordered := make([]*ledger, 0, len(b.ledgers))
	for _, l := range b.ledgers {
		ordered = append(ordered, l)
	}
	slices.SortFunc(ordered, func(x, y *ledger) int {
		return cmp.Or(cmp.Compare(x.family, y.family), strings.Compare(x.org, y.org), strings.Compare(x.api, y.api),
			cmp.Compare(x.bucket, y.bucket), strings.Compare(x.segment, y.segment), cmp.Compare(x.part, y.part))
	})
	for _, l := range ordered {
		if l.records.Len() == 0 && l.segment != "" {
			continue // only what was in the chunk twice
		}
		groups = append(groups, b.close(l))
	}
	return groups
}

// close makes a group of a ledger.
func (b *booking) close(l *ledger) Group {
	g := Group{
		Family: l.family, Settings: b.fingerprint, Org: l.org, API: l.api, Bucket: l.start, Minutes: b.settings.Minutes,
		Segment: l.segment, Records: l.records, ExpireAt: l.expireAt,
		Rollups: make([]Rollup, 0, len(l.counters)+1),
	}
	g.Rollups = append(g.Rollups, Rollup{Dimension: Total, Value: "total", Counter: l.total})
	for c := range l.counters.all {
		if c.folded && !c.key.other {
			continue // counted under the key that stands for all of them
		}
		owner, value := c.key.encode()
		g.Rollups = append(g.Rollups, Rollup{Dimension: c.key.dimension, Owner: owner, Value: value, Counter: *c.Counter})
	}
	g.Rollups = mergeEqual(g.Rollups)
	if b.budget.alert(l.budgetKey(Tags)) {
		b.tally.Alerts = append(b.tally.Alerts, TagAlert{Org: l.org, Bucket: l.start, Prefixes: commonPrefixes(g.tags())})
	}
	return g
}

// tags gives the values of the tags.
func (g *Group) tags() []string {
	var tags []string
	for i := range g.Rollups {
		if g.Rollups[i].Dimension == Tags {
			tags = append(tags, g.Rollups[i].Value)
		}
	}
	return tags
}

// mergeEqual sorts rollups and adds up those whose values are the same once
// encoded, as those of "a:b" and "c" and of "a" and "b:c" are.
func mergeEqual(rollups []Rollup) []Rollup {
	slices.SortFunc(rollups, func(x, y Rollup) int {
		return cmp.Or(cmp.Compare(x.Dimension, y.Dimension), strings.Compare(x.Owner, y.Owner), strings.Compare(x.Value, y.Value))
	})
	merged := rollups[:1]
	for i := 1; i < len(rollups); i++ {
		r, last := &rollups[i], &merged[len(merged)-1]
		if r.Dimension == last.Dimension && r.Owner == last.Owner && r.Value == last.Value {
			last.Counter.Add(&r.Counter, r.Dimension)
			continue
		}
		merged = append(merged, *r)
	}
	return merged
}
