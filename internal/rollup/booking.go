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
	givenUp time.Time              // of the scope
	read    []analytics.Countable  // with room for readAhead
	record  *analytics.Countable   // the one of them that is booked
	hit     hit
	touched byte // for nobody, see touch
	counted bool // the record, in some family
	tally   Tally

	accounts *accounts
	ordered  []*account // scratch of close
	encoded  []byte     // scratch of encode
	ends     []int      // scratch of encode
}

// recentLedgers is a power of two, above the number of ledgers of most chunks.
const recentLedgers = 16

var bookings = sync.Pool{New: func() any {
	return &booking{ledgers: map[ledgerKey]*ledger{}, accounts: newAccounts(), read: make([]analytics.Countable, 0, readAhead)}
}}

func (a *Aggregator) newBooking(cut Cut) *booking {
	b := bookings.Get().(*booking) //nolint:forcetypeassert // the pool holds nothing else
	b.Aggregator, b.cut = a, cut
	return b
}

// release lets go of all that the booking refers to, and makes it reusable.
func (b *booking) release() {
	b.accounts.reset()
	if len(b.ledgers) > maxKeptLedgers {
		b.ledgers = map[ledgerKey]*ledger{}
	}
	clear(b.ledgers)
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
	*b = booking{
		ledgers: b.ledgers, read: b.read, accounts: b.accounts,
		ordered: b.ordered[:0], encoded: b.encoded[:0], ends: b.ends[:0],
	}
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
	givenUp  time.Time
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

// readAhead is how many records are read before they are booked. The texts of records
// lie all over memory that is in no cache any more; those of several are fetched at a
// time, and not one after the other as hashes and comparisons come to them.
const readAhead = 16

// take reads a record, and books all that were read once there are enough of them.
func (b *booking) take(log plog.LogRecord) {
	b.read = b.read[:len(b.read)+1]
	b.read[len(b.read)-1].FromLog(log)
	if len(b.read) == cap(b.read) {
		b.bookRead()
	}
}

// bookRead books the records that were read.
func (b *booking) bookRead() {
	for i := range b.read {
		b.touch(&b.read[i])
	}
	for i := range b.read {
		b.bookRecord(&b.read[i])
	}
	b.read = b.read[:0]
}

// touch reads a byte of each text that will be looked at. It keeps what it has read,
// or the compiler would leave the reading out.
func (b *booking) touch(r *analytics.Countable) {
	all := first(r.UID) | first(r.OrgID) | first(r.APIID) | first(r.APIVersion) | first(r.APIKey) | first(r.OauthID) | first(r.CountryISOCode)
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

func (b *booking) bookRecord(r *analytics.Countable) {
	b.record = r
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
	r := b.record
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
		l.total.latency.most, l.total.upstream.most = 0, 0 // as Tyk Pump, whose maxima of Total begin at 0
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
	r, h := b.record, &b.hit
	h.of(r)
	if r.ExpireAt.After(l.expireAt) {
		l.expireAt = r.ExpireAt
	}
	if !b.givenUp.IsZero() && (l.givenUp.IsZero() || b.givenUp.Before(l.givenUp)) {
		l.givenUp = b.givenUp
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
	b.addText(l, Geo, r.CountryISOCode, hashText(r.CountryISOCode))
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

// bookNetwork counts a second of a TCP API: its traffic is no request (contract:
// aggregates, section 1.4).
func (b *booking) bookNetwork(l *ledger) {
	n, api := b.record.Network, b.record.APIID
	l.total.addNetwork(n)
	if api != "" && !b.ignored[APIID] {
		b.account(l, APIID, hashText(api), api, "", "").addNetwork(analytics.Network{BytesIn: n.BytesIn, BytesOut: n.BytesOut})
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
		b.add(l, Types, of, t.Name, "", "")
		for _, field := range t.Fields {
			b.add(l, Fields, of.with(hashText(field)), t.Name, field, "")
		}
	}
	operation := g.OperationType.Name()
	b.add(l, Operation, hashText(operation), operation, "", "")
	for _, field := range g.RootFields {
		b.add(l, RootFields, hashText(field), field, "", "")
	}
}

func (b *booking) bookMCP(l *ledger) {
	m := &b.record.MCP
	primitive := hashText(m.PrimitiveType)
	b.addText(l, Methods, m.JSONRPCMethod, hashText(m.JSONRPCMethod))
	b.addText(l, Primitives, m.PrimitiveType, primitive)
	if m.PrimitiveName != "" {
		b.add(l, Names, primitive.with(hashText(m.PrimitiveName)), m.PrimitiveType, m.PrimitiveName, "")
	}
}

// addText counts the record for a value of one text, if it is there.
func (b *booking) addText(l *ledger, d Dimension, text string, h hash) {
	if text != "" {
		b.add(l, d, h, text, "", "")
	}
}

// add counts the record for the value of up to three texts; h is the hash of them. A
// value that has no text is a number, which is its own hash.
func (b *booking) add(l *ledger, d Dimension, h hash, x, y, z string) {
	if b.ignored[d] {
		return
	}
	a := b.account(l, d, h, x, y, z)
	a.add(&b.hit, passed-int(b.hit.errors))
	if b.settings.Latencies && (d == APIID || d == APIKeys || d == APIEndpoints) {
		if a.latencies == nil {
			a.latencies = NewSketch()
		}
		a.latencies.Add(b.hit.latency)
	}
}

// account gives that of a value, which takes over the record's time and name.
func (b *booking) account(l *ledger, d Dimension, h hash, x, y, z string) *account {
	const dimensionBits = 8
	at := h.with(hash(d) | hash(l.number)<<dimensionBits)
	a := b.accounts.get(at, d, l.number, x, y, z)
	if a == nil {
		a = b.open(l, h, key{dimension: d, ledger: l.number, number: int64(h), a: x, b: y, c: z}) //nolint:gosec // of what is no number, it is not used
		b.accounts.put(at, a)
	}
	switch {
	case a.key.other:
		b.tally.Folded[d]++
		a.meet(b.hit.at)
	case d == APIID:
		a.meetNamed(b.hit.at, b.record.APIName)
	case d == APIKeys:
		a.meetNamed(b.hit.at, b.record.Alias)
	default:
		a.meet(b.hit.at)
	}
	return a
}

// open makes the account of a value that the chunk has not met yet, or gives that of
// all values which are too many.
func (b *booking) open(l *ledger, h hash, k key) *account {
	d := k.dimension
	if b.budget.admits(l, d, h.with(hash(d))) {
		return b.enter(l, k)
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
