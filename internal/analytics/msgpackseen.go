package analytics

import (
	"encoding/binary"
	"strings"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/slab"
)

// What most records have in these places, keys included.
var (
	unusedGeo     = unused(keyGeo, emptyGeo)
	unusedNetwork = unused(keyNetwork, emptyNetwork)
	unusedRest    = unused(keyGraphQL, emptyGraphQL) + unused(keyMCP, emptyMCP) + unused(keyCollectionName, "\xa0")
)

func unused(at int, empty string) string {
	name := recordKeys[at].name
	return string([]byte{msgpackFixStr | byte(len(name))}) + name + empty
}

// hourSeen is the calendar of the record before: most of a chunk's records are of one hour.
type hourSeen struct {
	fields string // from day to hour, as they were written; empty where one is missing
	own    [4]int64
	from   int64 // Unix seconds of the hour that it is in UTC; 0 where it is none
}

const hourSeconds = int64(time.Hour / time.Second)

// covers tells whether the calendar is that of t in UTC.
func (h *hourSeen) covers(t time.Time) bool {
	seconds := t.Unix() - h.from
	return h.from != 0 && seconds >= 0 && seconds < hourSeconds
}

// calendar reads the gateway's own calendar.
func (d *MsgpackLogs) calendar() {
	h := &d.hour
	if h.fields != "" && d.pass(h.fields, len(h.own)) {
		return
	}
	start, left := d.pos, d.left
	for i := range h.own {
		h.own[i] = d.numberOf(keyDay + i)
	}
	h.fields, h.from = "", 0
	if d.err == nil && d.left == left-len(h.own) {
		h.fields = strings.Clone(d.text[start:d.pos])
	}
}

// when writes the timestamp and the calendar where the log record's own time does not
// tell them.
func (d *MsgpackLogs) when() {
	h := &d.hour
	if h.covers(d.timestamp) {
		return
	}
	h.from = 0
	if seconds := d.timestamp.Unix(); d.to.when(d.timestamp, h.own) && seconds > hourSeconds && seconds < maxNanosSecond-hourSeconds {
		h.from = seconds - seconds%hourSeconds
	}
}

// runsSeen are runs of attributes that records before had, each at the place that some of
// its bytes say. Most records of a chunk are of few APIs, hosts and cities.
type runsSeen struct {
	runs [1 << runBits]runSeen
	kept int
}

const (
	runBits = 8
	// mostKept is how many runs are kept at all: where there are thousands of APIs, it
	// costs more than it saves.
	mostKept = 2 << runBits
)

// runSeen is what records made of the same bytes.
type runSeen struct {
	fields string // keys and values as they were written
	run    slab.Run
	names  slab.Run // of the map at the end of the run, if there is one
}

// ofText is where a run would be that begins with a key of so many bytes and a short text.
// It looks at both ends of the text.
func (s *runsSeen) ofText(rest []byte, key int) *runSeen {
	if len(rest) < key+8 || rest[key]&0xe0 != msgpackFixStr {
		return nil
	}
	end := key + 1 + int(rest[key]&0x1f)
	if end < 8 || len(rest) < end {
		return nil
	}
	return s.of(rest[key:key+8], rest[end-8:end])
}

// of is where a run would be that has these bytes, eight each.
func (s *runsSeen) of(some, others []byte) *runSeen {
	const odd, another = 0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f
	hash := binary.LittleEndian.Uint64(some)*another ^ binary.LittleEndian.Uint64(others)
	return &s.runs[hash*odd>>(64-runBits)]
}

// again writes what was made of these bytes before, if they come next, with so many keys
// of the record in them.
func (d *MsgpackLogs) again(seen *runSeen, keys int) bool {
	if seen == nil || seen.fields == "" || !d.pass(seen.fields, keys) {
		return false
	}
	d.to.Again(seen.run)
	if n := seen.names.Len(); n > 0 {
		names := d.room.Inner(n)
		names.Again(seen.names)
		d.to.Map(AttrGeoNames, &names)
	}
	return true
}

// before is where a run began.
type before struct{ pos, left, attributes int }

func (d *MsgpackLogs) before() before { return before{d.pos, d.left, d.to.Len()} }

// keep keeps what was made of the bytes since then, if they had so many keys in them.
func (d *MsgpackLogs) keep(seen *runSeen, since before, keys int) bool {
	if seen == nil || d.err != nil || d.left != since.left-keys || d.runs.kept == mostKept {
		return false
	}
	run, ok := d.to.Run(since.attributes)
	if !ok {
		return false
	}
	*seen = runSeen{fields: strings.Clone(d.text[since.pos:d.pos]), run: run}
	d.runs.kept++
	return true
}

// host reads the host.
func (d *MsgpackLogs) host() {
	seen := d.runs.ofText(d.entry[d.pos:], 1+len("Host"))
	if d.again(seen, 1) {
		return
	}
	since := d.before()
	d.to.host(d.textOf(keyHost))
	d.keep(seen, since, 1)
}

// api reads the API's name, its ID and its organisation.
func (d *MsgpackLogs) api() {
	seen := d.runs.ofText(d.entry[d.pos:], 1+len("APIName"))
	if d.again(seen, 3) {
		return
	}
	since := d.before()
	d.to.name(AttrAPIName, d.textOf(keyAPIName))
	d.to.name(AttrAPIID, d.textOf(keyAPIID))
	d.to.name(AttrOrgID, d.textOf(keyOrgID))
	d.keep(seen, since, 3)
}
