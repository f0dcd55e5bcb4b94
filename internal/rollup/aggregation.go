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
	read    []analytics.Countable // with room for readAhead
	record  *analytics.Countable  // the one of them that is counted
	sample  sample
	touched byte // for nobody, see touch
	counted bool // the record, in some family
	tally   Tally

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
	ag := aggregations.Get().(*aggregation) //nolint:forcetypeassert // the pool holds nothing else
	ag.Aggregator, ag.cut = a, cut
	return ag
}

// release gives up all that the aggregation refers to, and makes it reusable.
func (ag *aggregation) release() {
	ag.counters.reset()
	if len(ag.drafts) > maxKeptDrafts {
		ag.drafts = map[draftKey]*draft{}
	}
	clear(ag.drafts)
	if cap(ag.encoded) > maxKeptText {
		ag.encoded = nil
	}
	if cap(ag.ordered) > maxKeptSlots {
		ag.ordered, ag.ends = nil, nil
	}
	clear(ag.ordered[:cap(ag.ordered)])
	for i := range readAhead {
		ag.read[:readAhead][i].Forget()
	}
	*ag = aggregation{
		drafts: ag.drafts, read: ag.read, counters: ag.counters,
		ordered: ag.ordered[:0], encoded: ag.encoded[:0], ends: ag.ends[:0],
	}
	aggregations.Put(ag)
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
func (ag *aggregation) take(log plog.LogRecord) {
	ag.read = ag.read[:len(ag.read)+1]
	ag.read[len(ag.read)-1].FromLog(log)
	if len(ag.read) == cap(ag.read) {
		ag.countRead()
	}
}

// countRead counts the records that were read.
func (ag *aggregation) countRead() {
	for i := range ag.read {
		ag.touch(&ag.read[i])
	}
	for i := range ag.read {
		ag.countRecord(&ag.read[i])
	}
	ag.read = ag.read[:0]
}

// touch reads a byte of each text that will be looked at. It keeps what it has read,
// or the compiler would leave the reading out.
func (ag *aggregation) touch(r *analytics.Countable) {
	all := first(r.UID) | first(r.OrgID) | first(r.APIID) | first(r.APIVersion) | first(r.APIKey) | first(r.OauthID) | first(r.CountryISOCode)
	for _, tag := range r.Tags {
		all |= first(tag)
	}
	ag.touched = all
}

func first(text string) byte {
	if text == "" {
		return 0
	}
	return text[0]
}

func (ag *aggregation) countRecord(r *analytics.Countable) {
	ag.record = r
	uid, err := analytics.ParseUID(r.UID)
	if err != nil {
		uid = analytics.UID{}
	}
	ag.counted = false
	if r.MCP.IsMCP {
		ag.count(MCP, uid)
	}
	if r.GraphQL.IsGraphQL {
		ag.count(Graph, uid)
	}
	switch {
	case r.MCP.IsMCP || r.GraphQL.IsGraphQL:
	case r.OrgID == "":
		ag.tally.Ownerless++
	default:
		ag.count(Requests, uid)
	}
	if ag.counted {
		ag.tally.Records++
	}
}

// find gives the draft of the record.
func (ag *aggregation) find(family Family, uid analytics.UID) *draft {
	r := ag.record
	if seconds := r.TimeStamp.Unix(); seconds < ag.bucket.from || seconds >= ag.bucket.to {
		ag.bucket = bucketOf(r.TimeStamp.In(ag.zone), ag.settings.Minutes)
	}
	k := draftKey{family: family, org: r.OrgID, bucket: ag.bucket.start.Unix(), segment: uid.Segment}
	h := hashText(k.org)
	if family != Requests {
		k.api = r.APIID
		h = h.with(hashText(k.api))
	}
	if ag.cut != nil {
		k.part = ag.cut.part(family, uid.Segment, uid.Index)
	}
	recent := &ag.recent[h%recentDrafts]
	if l := *recent; l != nil && l.draftKey == k {
		return l
	}
	l := ag.drafts[k]
	if l == nil {
		l = &draft{draftKey: k, number: uint32(len(ag.drafts)), start: ag.bucket.start} //nolint:gosec // a chunk has fewer
		l.total.open(key{})
		l.total.latency.most, l.total.upstream.most = 0, 0 // as Tyk Pump, whose maxima of Total begin at 0
		ag.drafts[k] = l
	}
	*recent = l
	return l
}

// count counts the record in a family.
func (ag *aggregation) count(family Family, uid analytics.UID) {
	l := ag.find(family, uid)
	if l.segment != "" && !l.records.Add(uid.Index) {
		return // it is in the chunk twice
	}
	ag.counted = true
	r, h := ag.record, &ag.sample
	h.of(r)
	if r.ExpireAt.After(l.expireAt) {
		l.expireAt = r.ExpireAt
	}
	l.total.observe(h.at)
	if r.ResponseCode == networkCode {
		ag.countNetwork(l)
		return
	}
	l.total.add(h, int(h.success)) // in Total, other statuses than those of success are failures
	ag.countRequest(l)
	switch family {
	case Graph:
		ag.countGraph(l)
	case MCP:
		ag.countMCP(l)
	case Requests:
	}
}

// countRequest counts what all requests have.
func (ag *aggregation) countRequest(l *draft) {
	r := ag.record
	api, version, apiKey, oauth := hashText(r.APIID), hashText(r.APIVersion), hashText(r.APIKey), hashText(r.OauthID)
	ag.addText(l, APIID, r.APIID, api)
	if r.ResponseCode >= firstError {
		ag.add(l, Errors, hash(r.ResponseCode), "", "", "") //nolint:gosec // any 64 bits will do
	}
	if r.APIVersion != "" {
		ag.add(l, Versions, api.with(version), r.APIID, r.APIVersion, "")
	}
	ag.addText(l, APIKeys, r.APIKey, apiKey)
	ag.addText(l, OauthIDs, r.OauthID, oauth)
	ag.addText(l, Geo, r.CountryISOCode, hashText(r.CountryISOCode))
	if !ag.ignored[Tags] {
		for _, tag := range r.Tags {
			if tag = ag.settings.countedTag(tag, l.family); tag != "" {
				ag.add(l, Tags, hashText(tag), tag, "", "")
			}
		}
	}
	if r.TrackPath || ag.settings.TrackAllPaths && l.family == Requests {
		path := hashText(r.Path)
		ag.add(l, Endpoints, path, r.Path, "", "")
		if r.APIKey != "" {
			ag.add(l, KeyEndpoints, apiKey.with(api).with(path), r.APIKey, r.APIID, r.Path)
		}
		if r.OauthID != "" {
			ag.add(l, OauthEndpoints, oauth.with(api).with(path), r.OauthID, r.APIID, r.Path)
		}
		ag.add(l, APIEndpoints, api.with(version).with(path), r.APIID, r.APIVersion, r.Path)
	}
}

// countNetwork counts a second of a TCP API: its traffic is no request (contract:
// aggregates, section 1.4).
func (ag *aggregation) countNetwork(l *draft) {
	n, api := ag.record.Network, ag.record.APIID
	l.total.addNetwork(n)
	if api != "" && !ag.ignored[APIID] {
		ag.counter(l, APIID, hashText(api), api, "", "").addNetwork(analytics.Network{BytesIn: n.BytesIn, BytesOut: n.BytesOut})
	}
}

// countGraph counts what a GraphQL request asked for. There an answer with errors
// is an error, whatever its status (contract: aggregates, section 4.5).
func (ag *aggregation) countGraph(l *draft) {
	g := &ag.record.GraphQL
	if g.HasErrors && ag.sample.errors == 0 {
		ag.sample.errors = 1
		ag.sample.success--
	}
	for _, t := range ag.record.Types {
		of := hashText(t.Name)
		ag.add(l, Types, of, t.Name, "", "")
		for _, field := range t.Fields {
			ag.add(l, Fields, of.with(hashText(field)), t.Name, field, "")
		}
	}
	operation := g.OperationType.Name()
	ag.add(l, Operation, hashText(operation), operation, "", "")
	for _, field := range g.RootFields {
		ag.add(l, RootFields, hashText(field), field, "", "")
	}
}

func (ag *aggregation) countMCP(l *draft) {
	m := &ag.record.MCP
	primitive := hashText(m.PrimitiveType)
	ag.addText(l, Methods, m.JSONRPCMethod, hashText(m.JSONRPCMethod))
	ag.addText(l, Primitives, m.PrimitiveType, primitive)
	if m.PrimitiveName != "" {
		ag.add(l, Names, primitive.with(hashText(m.PrimitiveName)), m.PrimitiveType, m.PrimitiveName, "")
	}
}

// addText counts the record for a value of one text, if it is there.
func (ag *aggregation) addText(l *draft, d Dimension, text string, h hash) {
	if text != "" {
		ag.add(l, d, h, text, "", "")
	}
}

// add counts the record for the value of up to three texts; h is the hash of them. A
// value that has no text is a number, which is its own hash.
func (ag *aggregation) add(l *draft, d Dimension, h hash, x, y, z string) {
	if ag.ignored[d] {
		return
	}
	a := ag.counter(l, d, h, x, y, z)
	a.add(&ag.sample, succeeded-int(ag.sample.errors))
	if ag.settings.Latencies && (d == APIID || d == APIKeys || d == APIEndpoints) {
		if a.latencies == nil {
			a.latencies = NewSketch()
		}
		a.latencies.Add(ag.sample.latency)
	}
}

// counter gives that of a value, which takes over the record's time and name.
func (ag *aggregation) counter(l *draft, d Dimension, h hash, x, y, z string) *counter {
	const dimensionBits = 8
	at := h.with(hash(d) | hash(l.number)<<dimensionBits)
	a := ag.counters.get(at, d, l.number, x, y, z)
	if a == nil {
		a = ag.open(l, h, key{dimension: d, draft: l.number, number: int64(h), a: x, b: y, c: z}) //nolint:gosec // of what is no number, it is not used
		ag.counters.put(at, a)
	}
	switch {
	case a.key.other:
		ag.tally.Folded[d]++
		a.observe(ag.sample.at)
	case d == APIID:
		a.observeNamed(ag.sample.at, ag.record.APIName)
	case d == APIKeys:
		a.observeNamed(ag.sample.at, ag.record.Alias)
	default:
		a.observe(ag.sample.at)
	}
	return a
}

// open makes the counter of a value that is new in the chunk, or gives that of
// all values which are too many.
func (ag *aggregation) open(l *draft, h hash, k key) *counter {
	d := k.dimension
	if ag.budget.admits(l, d, h.with(hash(d))) {
		return ag.enter(l, k)
	}
	if l.others[d] == nil {
		l.others[d] = ag.enter(l, key{dimension: d, other: true, draft: l.number})
	}
	return l.others[d]
}

// enter opens a counter in a draft.
func (ag *aggregation) enter(l *draft, k key) *counter {
	a := ag.counters.open(k)
	a.next, l.opened[k.dimension] = l.opened[k.dimension], a
	l.size++
	return a
}

func (l *draft) budgetKey(d Dimension) budgetKey {
	return budgetKey{family: l.family, dimension: d, org: l.org, api: l.api, bucket: l.bucket}
}
