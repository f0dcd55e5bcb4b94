package rollup

import (
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// aggregation is the work on one chunk. What it needs of memory goes on to the next one.
type aggregation struct {
	*Aggregator
	cut     Cut
	drafts  map[draftKey]*draft
	recent  [recentDrafts]*draft  // by the low bits of a hash
	bucket  bucket                // of the record before
	givenUp time.Time             // of the scope
	read    []analytics.Countable // with room for readAhead
	record  *analytics.Countable  // the one of them that is counted
	sample  sample
	touched byte // for nobody, see touch
	counted bool // the record, in some family
	tally   Tally

	kept  []byte            // see appendKept
	texts map[string]string // those of groups that share none with log records; nil where they do

	counters *counters
	ordered  []*counter // scratch of close
	encoded  []byte     // scratch of encode
	ends     []int      // scratch of encode
}

// recentDrafts is a power of two, above the number of drafts of most chunks.
const recentDrafts = 16

var aggregations = sync.Pool{New: func() any {
	return &aggregation{drafts: map[draftKey]*draft{}, counters: newCounters(), read: make([]analytics.Countable, 0, readAhead)}
}}

func (a *Aggregator) newAggregation(cut Cut) *aggregation {
	b := aggregations.Get().(*aggregation) //nolint:forcetypeassert // the pool holds nothing else
	b.Aggregator, b.cut = a, cut
	return b
}

// release gives up all that the aggregation refers to, and makes it reusable.
func (b *aggregation) release() {
	b.counters.reset()
	if len(b.drafts) > maxKeptDrafts {
		b.drafts = map[draftKey]*draft{}
	}
	clear(b.drafts)
	if cap(b.encoded) > maxKeptText {
		b.encoded = nil
	}
	if cap(b.ordered) > maxKeptSlots {
		b.ordered, b.ends = nil, nil
	}
	clear(b.ordered[:cap(b.ordered)])
	for i := range readAhead {
		b.read[:readAhead][i].Forget()
	}
	*b = aggregation{
		drafts: b.drafts, read: b.read, counters: b.counters,
		ordered: b.ordered[:0], encoded: b.encoded[:0], ends: b.ends[:0],
	}
	aggregations.Put(b)
}

// draftKey names what becomes a group.
type draftKey struct {
	family   Family
	org, api string
	bucket   int64
	segment  string
	part     uint64
}

// draft collects what becomes a group.
type draft struct {
	draftKey
	number   uint32 // of the chunk's drafts
	start    time.Time
	records  Indices
	expireAt time.Time
	givenUp  time.Time
	total    counter
	opened   [dimensions]*counter  // lists of all by dimension
	others   [dimensions]*counter  // those of OtherValue
	sets     [dimensions]*valueSet // the budget's
	size     int                   // of all lists
}

// bucket is a bucket of time, and between which seconds it is sure to be that of an instant.
type bucket struct {
	start    time.Time
	from, to int64
}

// readAhead is how many records are read before they are counted. The texts of records
// lie all over memory that is in no cache any more; those of several are fetched at a
// time, and not one after the other as hashes and comparisons come to them.
const readAhead = 16

// take reads a record, and counts all that were read once there are enough of them.
func (b *aggregation) take(log plog.LogRecord) {
	b.read = b.read[:len(b.read)+1]
	b.read[len(b.read)-1].FromLog(log)
	if len(b.read) == cap(b.read) {
		b.countRead()
	}
}

// countRead counts the records that were read.
func (b *aggregation) countRead() {
	for i := range b.read {
		b.touch(&b.read[i])
	}
	for i := range b.read {
		if b.texts != nil {
			b.kept = appendKept(b.kept, &b.read[i], b.givenUp)
		}
		b.countRecord(&b.read[i])
	}
	b.read = b.read[:0]
}

// touch reads a byte of each text that will be looked at. It keeps what it has read,
// or the compiler would leave the reading out.
func (b *aggregation) touch(r *analytics.Countable) {
	all := first(r.UID) | first(r.OrgID) | first(r.APIID) | first(r.APIVersion) | first(r.APIKey) | first(r.OauthID) | first(r.Geo.CountryISOCode)
	for _, tag := range r.Tags {
		all |= first(tag)
	}
	b.touched = all
}

func first(text string) byte {
	if text == "" {
		return 0
	}
	return text[0]
}

func (b *aggregation) countRecord(r *analytics.Countable) {
	b.record = r
	uid, err := analytics.ParseUID(r.UID)
	if err != nil {
		uid = analytics.UID{}
	}
	b.counted = false
	if r.MCP.IsMCP {
		b.count(MCP, uid)
	}
	if r.GraphQL.IsGraphQL {
		b.count(Graph, uid)
	}
	switch {
	case r.MCP.IsMCP || r.GraphQL.IsGraphQL:
	case r.OrgID == "":
		b.tally.Ownerless++
	default:
		b.count(Requests, uid)
	}
	if b.counted {
		b.tally.Records++
	}
}

// find gives the draft of the record.
func (b *aggregation) find(family Family, uid analytics.UID) *draft {
	r := b.record
	if seconds := r.TimeStamp.Unix(); seconds < b.bucket.from || seconds >= b.bucket.to {
		b.bucket = bucketOf(r.TimeStamp.In(b.zone), b.settings.Minutes)
	}
	k := draftKey{family: family, org: r.OrgID, bucket: b.bucket.start.Unix(), segment: uid.Segment}
	h := hashText(k.org)
	if family != Requests {
		k.api = r.APIID
		h = h.with(hashText(k.api))
	}
	if b.cut != nil {
		k.part = b.cut.part(family, uid.Segment, uid.Index)
	}
	recent := &b.recent[h%recentDrafts]
	if l := *recent; l != nil && l.draftKey == k {
		return l
	}
	l := b.drafts[k]
	if l == nil {
		l = &draft{draftKey: k, number: uint32(len(b.drafts)), start: b.bucket.start} //nolint:gosec // a chunk has fewer
		l.total.open(key{})
		l.total.latency.most, l.total.upstream.most = 0, 0 // as Tyk Pump, whose maxima of Total begin at 0
		b.drafts[k] = l
	}
	*recent = l
	return l
}

// count counts the record in a family.
func (b *aggregation) count(family Family, uid analytics.UID) {
	l := b.find(family, uid)
	if l.segment != "" && !l.records.Add(uid.Index) {
		return // it is in the chunk twice
	}
	b.counted = true
	r, h := b.record, &b.sample
	h.of(r)
	if r.ExpireAt.After(l.expireAt) {
		l.expireAt = r.ExpireAt
	}
	if !b.givenUp.IsZero() && (l.givenUp.IsZero() || b.givenUp.Before(l.givenUp)) {
		l.givenUp = b.givenUp
	}
	l.total.observe(h.at)
	if r.ResponseCode == networkCode {
		b.countNetwork(l)
		return
	}
	l.total.add(h, int(h.success)) // in Total, other statuses than those of success are failures
	b.countRequest(l)
	switch family {
	case Graph:
		b.countGraph(l)
	case MCP:
		b.countMCP(l)
	case Requests:
	}
}

// countRequest counts what all requests have.
func (b *aggregation) countRequest(l *draft) {
	r := b.record
	api, version, apiKey, oauth := hashText(r.APIID), hashText(r.APIVersion), hashText(r.APIKey), hashText(r.OauthID)
	b.addText(l, APIID, r.APIID, api)
	if r.ResponseCode >= firstError {
		b.add(l, Errors, hash(r.ResponseCode), "", "", "") //nolint:gosec // any 64 bits will do
	}
	if r.APIVersion != "" {
		b.add(l, Versions, api.with(version), r.APIID, r.APIVersion, "")
	}
	b.addText(l, APIKeys, r.APIKey, apiKey)
	b.addText(l, OauthIDs, r.OauthID, oauth)
	b.addText(l, Geo, r.Geo.CountryISOCode, hashText(r.Geo.CountryISOCode))
	if !b.ignored[Tags] {
		for _, tag := range r.Tags {
			if tag = b.settings.countedTag(tag, l.family); tag != "" {
				b.add(l, Tags, hashText(tag), tag, "", "")
			}
		}
	}
	if r.TrackPath || b.settings.TrackAllPaths && l.family == Requests {
		path := hashText(r.Path)
		b.add(l, Endpoints, path, r.Path, "", "")
		if r.APIKey != "" {
			b.add(l, KeyEndpoints, apiKey.with(api).with(path), r.APIKey, r.APIID, r.Path)
		}
		if r.OauthID != "" {
			b.add(l, OauthEndpoints, oauth.with(api).with(path), r.OauthID, r.APIID, r.Path)
		}
		b.add(l, APIEndpoints, api.with(version).with(path), r.APIID, r.APIVersion, r.Path)
	}
}

// countNetwork counts a second of a TCP API: its traffic is no request (contract:
// aggregates, section 1.4).
func (b *aggregation) countNetwork(l *draft) {
	n, api := b.record.Network, b.record.APIID
	l.total.addNetwork(n)
	if api != "" && !b.ignored[APIID] {
		b.counter(l, APIID, hashText(api), api, "", "").addNetwork(analytics.Network{BytesIn: n.BytesIn, BytesOut: n.BytesOut})
	}
}

// countGraph counts what a GraphQL request asked for. There an answer with errors
// is an error, whatever its status (contract: aggregates, section 4.5).
func (b *aggregation) countGraph(l *draft) {
	g := &b.record.GraphQL
	if g.HasErrors && b.sample.errors == 0 {
		b.sample.errors = 1
		b.sample.success--
	}
	for name, fields := range g.Types {
		of := hashText(name)
		b.add(l, Types, of, name, "", "")
		for _, field := range fields {
			b.add(l, Fields, of.with(hashText(field)), name, field, "")
		}
	}
	operation := g.OperationType.Name()
	b.add(l, Operation, hashText(operation), operation, "", "")
	for _, field := range g.RootFields {
		b.add(l, RootFields, hashText(field), field, "", "")
	}
}

func (b *aggregation) countMCP(l *draft) {
	m := &b.record.MCP
	primitive := hashText(m.PrimitiveType)
	b.addText(l, Methods, m.JSONRPCMethod, hashText(m.JSONRPCMethod))
	b.addText(l, Primitives, m.PrimitiveType, primitive)
	if m.PrimitiveName != "" {
		b.add(l, Names, primitive.with(hashText(m.PrimitiveName)), m.PrimitiveType, m.PrimitiveName, "")
	}
}

// addText counts the record for a value of one text, if it is there.
func (b *aggregation) addText(l *draft, d Dimension, text string, h hash) {
	if text != "" {
		b.add(l, d, h, text, "", "")
	}
}

// add counts the record for the value of up to three texts; h is the hash of them. A
// value that has no text is a number, which is its own hash.
func (b *aggregation) add(l *draft, d Dimension, h hash, x, y, z string) {
	if b.ignored[d] {
		return
	}
	a := b.counter(l, d, h, x, y, z)
	a.add(&b.sample, succeeded-int(b.sample.errors))
	if b.settings.Latencies && (d == APIID || d == APIKeys || d == APIEndpoints) {
		if a.latencies == nil {
			a.latencies = NewSketch()
		}
		a.latencies.Add(b.sample.latency)
	}
}

// counter gives that of a value, which takes over the record's time and name.
func (b *aggregation) counter(l *draft, d Dimension, h hash, x, y, z string) *counter {
	const dimensionBits = 8
	at := h.with(hash(d) | hash(l.number)<<dimensionBits)
	a := b.counters.get(at, d, l.number, x, y, z)
	if a == nil {
		a = b.open(l, h, key{dimension: d, draft: l.number, number: int64(h), a: x, b: y, c: z}) //nolint:gosec // of what is no number, it is not used
		b.counters.put(at, a)
	}
	switch {
	case a.key.other:
		b.tally.Folded[d]++
		a.observe(b.sample.at)
	case d == APIID:
		a.observeNamed(b.sample.at, b.record.APIName)
	case d == APIKeys:
		a.observeNamed(b.sample.at, b.record.Alias)
	default:
		a.observe(b.sample.at)
	}
	return a
}

// open makes the counter of a value that is new in the chunk, or gives that of
// all values which are too many.
func (b *aggregation) open(l *draft, h hash, k key) *counter {
	d := k.dimension
	if b.budget.admits(l, d, h.with(hash(d))) {
		return b.enter(l, k)
	}
	if l.others[d] == nil {
		l.others[d] = b.enter(l, key{dimension: d, other: true, draft: l.number})
	}
	return l.others[d]
}

// enter opens a counter in a draft.
func (b *aggregation) enter(l *draft, k key) *counter {
	a := b.counters.open(k)
	a.next, l.opened[k.dimension] = l.opened[k.dimension], a
	l.size++
	return a
}

func (l *draft) budgetKey(d Dimension) budgetKey {
	return budgetKey{family: l.family, dimension: d, org: l.org, api: l.api, bucket: l.bucket}
}
