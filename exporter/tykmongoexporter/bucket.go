package tykmongoexporter

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/otelcol-tyk/otelcol-tyk/internal/rollup"
)

// bucketKey says which document counts a bucket.
type bucketKey struct {
	kind       *collectionKind
	collection string
	org, api   string
	bucket     int64 // Unix seconds
}

// id is the _id of a document that is made for the bucket: everybody makes the same.
func (k bucketKey) id() bson.ObjectID {
	sum := sha256.Sum256([]byte(k.org + "\x00" + k.api))
	var id bson.ObjectID
	const timeBytes = 4
	binary.BigEndian.PutUint32(id[:], uint32(k.bucket)) //nolint:gosec // the lower half, as any ObjectID
	copy(id[timeBytes:], sum[:])
	return id
}

// item names the document in what is known of failures.
func (k bucketKey) item() string {
	return k.collection + "\x00" + k.org + "\x00" + k.api + "\x00" + strconv.FormatInt(k.bucket, 10)
}

func objectIDValue(id bson.ObjectID) bson.RawValue {
	return bson.RawValue{Type: bson.TypeObjectID, Value: id[:]}
}

func int64Value(n int64) bson.RawValue {
	return bson.RawValue{Type: bson.TypeInt64, Value: bsoncore.AppendInt64(nil, n)}
}

// cloneValue keeps a value without the document that it is of.
func cloneValue(v bson.RawValue) bson.RawValue {
	return bson.RawValue{Type: v.Type, Value: slices.Clone(v.Value)}
}

// Our own part of a document: how often and when it was written, and what was counted.
const (
	ownField      = "otelcol_tyk"
	revisionField = ownField + ".revision"
	appliedField  = ownField + ".applied"
	writtenField  = ownField + ".written"
)

// foldBytes is the size, without the memory, from which values that a document does
// not have yet are counted together. It leaves room below maxBSONBytes for the memory
// and for what there is to grow.
const foldBytes = 12<<20 - rememberedBytes

// bucketDocument is what is known of a document that counts a bucket.
type bucketDocument struct {
	id       bson.RawValue // an ObjectID, unless somebody else made the document
	exists   bool
	own      bool // has a revision: it was written by us before
	revision int64
	hits     bson.RawValue // of the total, as it was read or written; none where there are none
	size     int           // bytes without the memory, roughly
	total    rollup.Counter
	values   map[rollup.Dimension]map[string]*bucketValue // by path below the dimension
	lastTime time.Time
	expireAt time.Time
	memory   memory
}

// bucketValue is what is counted of one value.
type bucketValue struct {
	rollup.Counter
	owner   string // escaped, of two levels the first
	touched bool   // by the update that is being made
}

// listed are the dimensions that have lists, which are there from the beginning.
var listed = []rollup.Dimension{
	rollup.APIID, rollup.Errors, rollup.Versions, rollup.APIKeys, rollup.OauthIDs, rollup.Geo, rollup.Tags,
	rollup.Endpoints, rollup.APIEndpoints,
}

// mcpListed are those that only MCP has.
var mcpListed = []rollup.Dimension{rollup.Methods, rollup.Primitives, rollup.Names}

// twoLevels tells the dimensions whose values have an owner.
func twoLevels(d rollup.Dimension) bool {
	return d == rollup.KeyEndpoints || d == rollup.OauthEndpoints
}

// countedDimensions are all that a document of a family may have beside the total.
func countedDimensions(f rollup.Family) []rollup.Dimension {
	all := append(slices.Clone(listed), rollup.KeyEndpoints, rollup.OauthEndpoints)
	if f == rollup.MCP {
		all = append(all, mcpListed...)
	}
	return all
}

func newBucketDocument(k bucketKey) *bucketDocument {
	return &bucketDocument{
		id: objectIDValue(k.id()), values: map[rollup.Dimension]map[string]*bucketValue{}, memory: readMemory(nil),
		size: 1000, // of what every document has
	}
}

// readBucket reads a document, also one that Tyk Pump made.
func readBucket(k bucketKey, from bson.Raw) *bucketDocument {
	d := newBucketDocument(k)
	d.memory = readMemory(from)
	d.exists, d.size = true, len(from)-d.memory.bytes
	d.id = cloneValue(from.Lookup("_id"))
	if revision, err := from.LookupErr(ownField, "revision"); err == nil {
		d.own, d.revision = true, number(revision)
	}
	d.lastTime, d.expireAt = instant(from.Lookup("lasttime")), instant(from.Lookup("expireAt"))
	if total, ok := from.Lookup("total").DocumentOK(); ok {
		readCounter(total, &d.total)
	}
	d.hits = cloneValue(from.Lookup("total", "hits"))
	for _, dimension := range countedDimensions(k.kind.family) {
		fields, ok := from.Lookup(dimension.String()).DocumentOK()
		if !ok {
			continue
		}
		d.readValues(fields, dimension)
	}
	return d
}

func (d *bucketDocument) readValues(from bson.Raw, dimension rollup.Dimension) {
	elements, err := from.Elements()
	if err != nil {
		return
	}
	for _, e := range elements {
		below, ok := e.Value().DocumentOK()
		if !ok {
			continue
		}
		if !twoLevels(dimension) {
			d.readValue(below, dimension, "", e.Key())
			continue
		}
		inner, err := below.Elements()
		if err != nil {
			continue
		}
		for _, i := range inner {
			if document, ok := i.Value().DocumentOK(); ok {
				d.readValue(document, dimension, e.Key(), i.Key())
			}
		}
	}
}

func (d *bucketDocument) readValue(from bson.Raw, dimension rollup.Dimension, owner, name string) {
	v := &bucketValue{owner: owner}
	if readCounter(from, &v.Counter) {
		d.of(dimension)[join(owner, name)] = v
	}
}

// of gives the values of a dimension.
func (d *bucketDocument) of(dimension rollup.Dimension) map[string]*bucketValue {
	values := d.values[dimension]
	if values == nil {
		values = map[string]*bucketValue{}
		d.values[dimension] = values
	}
	return values
}

func join(owner, name string) string {
	if owner == "" {
		return name
	}
	return owner + "." + name
}

// add counts a group.
func (d *bucketDocument) add(g *rollup.Group, limit int) {
	for i := range g.Rollups {
		r := &g.Rollups[i]
		one := r.Counter
		one.Latencies = nil
		// The document outlives the push, whose memory the texts share.
		one.Identifier, one.HumanIdentifier = strings.Clone(one.Identifier), strings.Clone(one.HumanIdentifier)
		// What is read back has milliseconds.
		one.LastTime = one.LastTime.Truncate(time.Millisecond)
		if r.Dimension == rollup.Total {
			d.total.Add(&one, rollup.Total)
			continue
		}
		d.addValue(r, &one, limit)
	}
	if at := g.LastTime().Truncate(time.Millisecond); at.After(d.lastTime) {
		d.lastTime = at
	}
	if g.ExpireAt.After(d.expireAt) {
		d.expireAt = g.ExpireAt
	}
	d.memory.add(g)
}

// addValue counts a value, or where the document is large one that stands for all
// further ones of the dimension.
func (d *bucketDocument) addValue(r *rollup.Rollup, one *rollup.Counter, limit int) {
	owner, name := "", escape(r.Value)
	if twoLevels(r.Dimension) {
		owner = escape(r.Owner)
	}
	values := d.of(r.Dimension)
	v := values[join(owner, name)]
	if v == nil && d.size > limit && r.Dimension != rollup.Errors {
		name = rollup.OtherValue
		if owner != "" {
			owner = rollup.OtherValue
		}
		one.Identifier, one.HumanIdentifier = rollup.OtherValue, rollup.OtherValue
		v = values[join(owner, name)]
	}
	if v == nil {
		v = &bucketValue{owner: strings.Clone(owner)}
		values[strings.Clone(join(owner, name))] = v
		const fields = 420 // bytes of a counter beside its names
		d.size += 2*(fields+len(one.Identifier)+len(one.HumanIdentifier)) + len(owner) + len(name)
	}
	v.Add(one, r.Dimension)
	v.touched = true
}

// update makes the update that writes what was added. The document has it from then on.
func (d *bucketDocument) update(p *share) []byte {
	start, dst := bsoncore.AppendDocumentStart(nil)
	groups, everything := d.memory.take()
	set, dst := bsoncore.AppendDocumentElementStart(dst, "$set")
	dst = d.appendHead(dst, p.key, p.bucket)
	dst = d.appendCounters(dst, p.key.kind.family)
	dst = d.appendLists(dst, p.key.kind.family)
	if everything {
		applied, grown := bsoncore.AppendArrayElementStart(dst, appliedField)
		dst = end(appendGroups(grown, groups), applied)
	}
	dst = appendTime(dst, writtenField, p.at)
	dst = end(dst, set)
	inc, dst := bsoncore.AppendDocumentElementStart(dst, "$inc")
	dst = bsoncore.AppendInt64Element(dst, revisionField, 1)
	dst = end(dst, inc)
	if !everything && len(groups) > 0 {
		push, grown := bsoncore.AppendDocumentElementStart(dst, "$push")
		applied, grown := bsoncore.AppendDocumentElementStart(grown, appliedField)
		each, grown := bsoncore.AppendArrayElementStart(grown, "$each")
		dst = end(end(end(appendGroups(grown, groups), each), applied), push)
	}
	d.forgetTouched()
	return end(dst, start)
}

// document makes the whole document, which is not there yet.
func (d *bucketDocument) document(p *share) []byte {
	start, dst := bsoncore.AppendDocumentStart(nil)
	dst = bsoncore.AppendValueElement(dst, "_id", bsoncore.Value{Type: bsoncore.Type(d.id.Type), Data: d.id.Value})
	dst = d.appendHead(dst, p.key, p.bucket)
	total, dst := bsoncore.AppendDocumentElementStart(dst, "total")
	dst = end(appendCounter(dst, &d.total, rollup.Total, false), total)
	var lists []byte
	for _, dimension := range countedDimensions(p.key.kind.family) {
		dst, lists = d.appendDimension(dst, lists, dimension)
	}
	all, dst := bsoncore.AppendDocumentElementStart(dst, "lists")
	dst = end(append(dst, lists...), all)
	own, dst := bsoncore.AppendDocumentElementStart(dst, ownField)
	dst = bsoncore.AppendInt64Element(dst, "revision", 1)
	dst = appendTime(dst, "written", p.at)
	applied, dst := bsoncore.AppendArrayElementStart(dst, "applied")
	groups, _ := d.memory.take()
	dst = end(appendGroups(dst, groups), applied)
	d.forgetTouched()
	return end(end(dst, own), start)
}

// appendDimension appends the counters of a dimension to dst, and to lists their lists.
func (d *bucketDocument) appendDimension(dst, lists []byte, dimension rollup.Dimension) (grown, grownLists []byte) {
	values := d.values[dimension]
	if len(values) == 0 {
		if !twoLevels(dimension) {
			list, grown := bsoncore.AppendArrayElementStart(lists, dimension.String())
			lists = end(grown, list)
		}
		return dst, lists
	}
	if !twoLevels(dimension) {
		return appendLevel(dst, lists, dimension.String(), dimension, values, slices.Sorted(maps.Keys(values)), 0)
	}
	byOwner := map[string][]string{}
	for path, v := range values {
		byOwner[v.owner] = append(byOwner[v.owner], path)
	}
	outer, dst := bsoncore.AppendDocumentElementStart(dst, dimension.String())
	outerLists, lists := bsoncore.AppendDocumentElementStart(lists, dimension.String())
	for _, owner := range slices.Sorted(maps.Keys(byOwner)) {
		slices.Sort(byOwner[owner])
		dst, lists = appendLevel(dst, lists, owner, dimension, values, byOwner[owner], len(owner)+1)
	}
	return end(dst, outer), end(lists, outerLists)
}

// appendLevel appends a document of counters and the list of the same. Their names
// begin at an offset of their paths.
func appendLevel(
	dst, lists []byte, name string, dimension rollup.Dimension, values map[string]*bucketValue, paths []string, offset int,
) (grown, grownLists []byte) {
	level, dst := bsoncore.AppendDocumentElementStart(dst, name)
	list, lists := bsoncore.AppendArrayElementStart(lists, name)
	for i, path := range paths {
		counter, grown := bsoncore.AppendDocumentElementStart(dst, path[offset:])
		dst = end(appendCounter(grown, &values[path].Counter, dimension, false), counter)
		element, grown := bsoncore.AppendDocumentElementStart(lists, decimal(i))
		lists = end(appendCounter(grown, &values[path].Counter, dimension, true), element)
	}
	return end(dst, level), end(lists, list)
}

func (d *bucketDocument) forgetTouched() {
	for _, values := range d.values {
		for _, v := range values {
			v.touched = false
		}
	}
}

// appendHead appends what a document has beside counters.
func (d *bucketDocument) appendHead(dst []byte, k bucketKey, bucket time.Time) []byte {
	dst = appendText(dst, "orgid", k.org)
	dst = appendTime(dst, "timestamp", bucket)
	if k.kind.family == rollup.MCP {
		dst = appendText(dst, "owner_apiid", k.api)
	}
	year, month, day := bucket.Date()
	timeID, dst := bsoncore.AppendDocumentElementStart(dst, "timeid")
	dst = appendInt(dst, "year", int64(year))
	dst = appendInt(dst, "month", int64(month))
	dst = appendInt(dst, "day", int64(day))
	dst = appendInt(dst, "hour", int64(bucket.Hour()))
	dst = end(dst, timeID)
	dst = appendTime(dst, "lasttime", d.lastTime)
	if !d.expireAt.IsZero() { // a zero one would make the document go at once
		dst = appendTime(dst, "expireAt", d.expireAt)
	}
	return dst
}

// appendCounters appends the total and the values that were touched.
func (d *bucketDocument) appendCounters(dst []byte, f rollup.Family) []byte {
	total, dst := bsoncore.AppendDocumentElementStart(dst, "total")
	dst = end(appendCounter(dst, &d.total, rollup.Total, false), total)
	for _, dimension := range countedDimensions(f) {
		prefix := dimension.String() + "."
		for _, path := range slices.Sorted(maps.Keys(d.values[dimension])) {
			v := d.values[dimension][path]
			if !v.touched {
				continue
			}
			counter, grown := bsoncore.AppendDocumentElementStart(dst, prefix+path)
			dst = end(appendCounter(grown, &v.Counter, dimension, false), counter)
		}
	}
	return dst
}

// appendLists appends the lists that changed, and all of a document that is new to us.
func (d *bucketDocument) appendLists(dst []byte, f rollup.Family) []byte {
	for _, dimension := range countedDimensions(f) {
		values := d.values[dimension]
		byOwner := map[string][]string{}
		touched := map[string]bool{}
		for path, v := range values {
			byOwner[v.owner] = append(byOwner[v.owner], path)
			touched[v.owner] = touched[v.owner] || v.touched
		}
		if !twoLevels(dimension) && !d.own && len(byOwner) == 0 {
			byOwner[""] = nil
		}
		for _, owner := range slices.Sorted(maps.Keys(byOwner)) {
			if d.own && !touched[owner] {
				continue
			}
			path := "lists." + dimension.String()
			if owner != "" {
				path += "." + owner
			}
			list, grown := bsoncore.AppendArrayElementStart(dst, path)
			dst = grown
			slices.Sort(byOwner[owner])
			for i, name := range byOwner[owner] {
				element, grown := bsoncore.AppendDocumentElementStart(dst, decimal(i))
				dst = end(appendCounter(grown, &values[name].Counter, dimension, true), element)
			}
			dst = end(dst, list)
		}
	}
	return dst
}

// byText sorts codes as Tyk Pump does.
func byText(codes []rollup.CodeCount) []rollup.CodeCount {
	sorted := func(x, y rollup.CodeCount) int {
		return strings.Compare(strconv.FormatInt(x.Code, 10), strconv.FormatInt(y.Code, 10))
	}
	if slices.IsSortedFunc(codes, sorted) {
		return codes
	}
	codes = slices.Clone(codes)
	slices.SortFunc(codes, sorted)
	return codes
}

// compareKeys orders documents, so that the same push always writes in the same order.
func compareKeys(x, y bucketKey) int {
	return cmp.Or(cmp.Compare(x.collection, y.collection), cmp.Compare(x.bucket, y.bucket), cmp.Compare(x.org, y.org), cmp.Compare(x.api, y.api))
}
