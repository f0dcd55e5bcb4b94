package rollup

import (
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// booking is the work on one chunk. What it needs of memory goes on to the next one.
type booking struct {
	*Aggregator
	cut     Cut
	ledgers map[ledgerKey]*ledger
	recent  [recentLedgers]*ledger // by the low bits of a hash
	bucket  bucket                 // of the record before
	record  analytics.Countable
	hit     hit
	touched byte // only written, see touch
	counted bool // the record, in some family
	tally   Tally

	accounts *accounts
	ordered  []*account // scratch of close
	encoded  []byte     // scratch of encode
	ends     []int      // scratch of encode
}

// recentLedgers is a power of two, above the number of ledgers of most chunks.
const recentLedgers = 16

var bookings = sync.Pool{New: func() any { return &booking{ledgers: map[ledgerKey]*ledger{}, accounts: newAccounts()} }}

func (a *Aggregator) newBooking(cut Cut) *booking {
	b := bookings.Get().(*booking) //nolint:forcetypeassert // the pool holds nothing else
	b.Aggregator, b.cut = a, cut
	return b
}

// release lets go of all that the booking refers to, and makes it reusable.
func (b *booking) release() {
	b.accounts.reset()
	clear(b.ledgers)
	if cap(b.encoded) > maxKeptText {
		b.encoded = nil
	}
	if cap(b.ordered) > maxKeptSlots {
		b.ordered, b.ends = nil, nil
	}
	clear(b.ordered[:cap(b.ordered)])
	*b = booking{ledgers: b.ledgers, accounts: b.accounts, ordered: b.ordered[:0], encoded: b.encoded[:0], ends: b.ends[:0]}
	bookings.Put(b)
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
	number   uint32 // of the chunk's ledgers
	start    time.Time
	records  Indices
	expireAt time.Time
	total    account
	opened   [dimensions]*account  // lists of all by dimension
	others   [dimensions]*account  // those of OtherValue
	sets     [dimensions]*valueSet // the budget's
	size     int                   // of all lists
}

// bucket is a bucket of time, and between which seconds it is sure to be that of an instant.
type bucket struct {
	start    time.Time
	from, to int64
}

func (b *booking) bookLog(log plog.LogRecord) {
	r := &b.record
	r.FromLog(log)
	b.touch(r)
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

// touch reads a byte of each text that will be looked at. The texts lie apart, in memory
// that is in no cache any more: so the processor fetches all at a time, and not one
// after the other as the hashes and comparisons come to them.
func (b *booking) touch(r *analytics.Countable) {
	var all byte
	for _, text := range [...]string{r.UID, r.OrgID, r.APIID, r.APIVersion, r.APIKey, r.OauthID, r.CountryISOCode} {
		if text != "" {
			all |= text[0]
		}
	}
	for _, tag := range r.Tags {
		if tag != "" {
			all |= tag[0]
		}
	}
	b.touched = all
}

// find gives the ledger of the record.
func (b *booking) find(family Family, uid analytics.UID) *ledger {
	r := &b.record
	if seconds := r.TimeStamp.Unix(); seconds < b.bucket.from || seconds >= b.bucket.to {
		b.bucket = bucketOf(r.TimeStamp.In(b.zone), b.settings.Minutes)
	}
	k := ledgerKey{family: family, org: r.OrgID, bucket: b.bucket.start.Unix(), segment: uid.Segment}
	h := hashText(k.org)
	if family != Requests {
		k.api = r.APIID
		h = h.with(hashText(k.api))
	}
	if b.cut != nil {
		k.part = b.cut.part(family, uid.Segment, uid.Index)
	}
	recent := &b.recent[h%recentLedgers]
	if l := *recent; l != nil && l.ledgerKey == k {
		return l
	}
	l := b.ledgers[k]
	if l == nil {
		l = &ledger{ledgerKey: k, number: uint32(len(b.ledgers)), start: b.bucket.start} //nolint:gosec // a chunk has fewer
		l.total.open(key{})
		b.ledgers[k] = l
	}
	*recent = l
	return l
}

// book counts the record in a family.
func (b *booking) book(family Family, uid analytics.UID) {
	l := b.find(family, uid)
	if l.segment != "" && !l.records.Add(uid.Index) {
		return // it is in the chunk twice
	}
	b.counted = true
	r, h := &b.record, &b.hit
	h.of(r)
	if r.ExpireAt.After(l.expireAt) {
		l.expireAt = r.ExpireAt
	}
	l.total.meet(h.at)
	if r.ResponseCode == networkCode {
		b.bookNetwork(l)
		return
	}
	l.total.add(h, int(h.success)) // in Total, other statuses than those of success are not passed
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
	b.add(l, r.APIID != "", key{dimension: APIID, a: r.APIID}, api)
	if r.ResponseCode >= firstError {
		b.add(l, true, key{dimension: Errors, number: r.ResponseCode}, hash(r.ResponseCode)) //nolint:gosec // any 64 bits will do
	}
	b.add(l, r.APIVersion != "", key{dimension: Versions, a: r.APIID, b: r.APIVersion}, api.with(version))
	b.add(l, r.APIKey != "", key{dimension: APIKeys, a: r.APIKey}, apiKey)
	b.add(l, r.OauthID != "", key{dimension: OauthIDs, a: r.OauthID}, oauth)
	b.addText(l, Geo, r.CountryISOCode)
	if !b.ignored[Tags] {
		for _, tag := range r.Tags {
			b.addText(l, Tags, b.settings.countedTag(tag, l.family))
		}
	}
	if r.TrackPath || b.settings.TrackAllPaths && l.family == Requests {
		path := hashText(r.Path)
		b.add(l, true, key{dimension: Endpoints, a: r.Path}, path)
		b.add(l, r.APIKey != "", key{dimension: KeyEndpoints, a: r.APIKey, b: r.APIID, c: r.Path}, apiKey.with(api).with(path))
		b.add(l, r.OauthID != "", key{dimension: OauthEndpoints, a: r.OauthID, b: r.APIID, c: r.Path}, oauth.with(api).with(path))
		b.add(l, true, key{dimension: APIEndpoints, a: r.APIID, b: r.APIVersion, c: r.Path}, api.with(version).with(path))
	}
}

// bookNetwork counts a second of a TCP API: its traffic is no request (contract:
// aggregates, section 1.4).
func (b *booking) bookNetwork(l *ledger) {
	n, api := b.record.Network, b.record.APIID
	l.total.addNetwork(n)
	if api != "" && !b.ignored[APIID] {
		b.account(l, &key{dimension: APIID, a: api}, hashText(api)).addNetwork(analytics.Network{BytesIn: n.BytesIn, BytesOut: n.BytesOut})
	}
}

// bookGraph counts what a GraphQL request asked for. There an answer with errors
// is an error, whatever its status (contract: aggregates, section 4.5).
func (b *booking) bookGraph(l *ledger) {
	g := &b.record.GraphQL
	if g.HasErrors && b.hit.errors == 0 {
		b.hit.errors = 1
		b.hit.success--
	}
	for _, t := range b.record.Types {
		of := hashText(t.Name)
		b.add(l, true, key{dimension: Types, a: t.Name}, of)
		for _, field := range t.Fields {
			b.add(l, true, key{dimension: Fields, a: t.Name, b: field}, of.with(hashText(field)))
		}
	}
	operation := g.OperationType.Name()
	b.add(l, true, key{dimension: Operation, a: operation}, hashText(operation))
	for _, field := range g.RootFields {
		b.add(l, true, key{dimension: RootFields, a: field}, hashText(field))
	}
}

func (b *booking) bookMCP(l *ledger) {
	m := &b.record.MCP
	b.addText(l, Methods, m.JSONRPCMethod)
	b.addText(l, Primitives, m.PrimitiveType)
	b.add(l, m.PrimitiveName != "", key{dimension: Names, a: m.PrimitiveType, b: m.PrimitiveName},
		hashText(m.PrimitiveType).with(hashText(m.PrimitiveName)))
}

// addText counts the record for a value of one text, if it is there.
func (b *booking) addText(l *ledger, d Dimension, text string) {
	if text != "" {
		b.add(l, true, key{dimension: d, a: text}, hashText(text))
	}
}

// add counts the record for a value that is there; h is the hash of its texts.
func (b *booking) add(l *ledger, there bool, k key, h hash) {
	if !there || b.ignored[k.dimension] {
		return
	}
	a := b.account(l, &k, h)
	a.add(&b.hit, passed-int(b.hit.errors))
	if b.settings.Latencies && (k.dimension == APIID || k.dimension == APIKeys || k.dimension == APIEndpoints) {
		if a.latencies == nil {
			a.latencies = NewSketch()
		}
		a.latencies.Add(b.hit.latency)
	}
}

// account gives that of a value, which takes over the record's time and name.
func (b *booking) account(l *ledger, k *key, h hash) *account {
	const dimensionBits = 8
	k.ledger = l.number
	at := h.with(hash(k.dimension) | hash(l.number)<<dimensionBits)
	a := b.accounts.get(k, at)
	if a == nil {
		a = b.open(l, k, h)
		b.accounts.put(at, a)
	}
	switch {
	case a.key.other:
		b.tally.Folded[k.dimension]++
		a.meet(b.hit.at)
	case k.dimension == APIID:
		a.meetNamed(b.hit.at, b.record.APIName)
	case k.dimension == APIKeys:
		a.meetNamed(b.hit.at, b.record.Alias)
	default:
		a.meet(b.hit.at)
	}
	return a
}

// open makes the account of a value that the chunk has not met yet, or gives that of
// all values which are too many.
func (b *booking) open(l *ledger, k *key, h hash) *account {
	d := k.dimension
	if b.budget.admits(l, d, h.with(hash(d))) {
		return b.enter(l, *k)
	}
	if l.others[d] == nil {
		l.others[d] = b.enter(l, key{dimension: d, other: true, ledger: l.number})
	}
	return l.others[d]
}

// enter opens an account in a ledger.
func (b *booking) enter(l *ledger, k key) *account {
	a := b.accounts.open(k)
	a.next, l.opened[k.dimension] = l.opened[k.dimension], a
	l.size++
	return a
}

func (l *ledger) budgetKey(d Dimension) budgetKey {
	return budgetKey{family: l.family, dimension: d, org: l.org, api: l.api, bucket: l.bucket}
}
