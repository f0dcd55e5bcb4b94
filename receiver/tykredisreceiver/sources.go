package tykredisreceiver

import (
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/internal/measure"
	"github.com/otelcol-tyk/otelcol-tyk/internal/slab"
)

// source is a list, how its entries are written, and where its dead letters lie.
type source struct {
	*claim.Source
	form form
	// registry names the groups that read it.
	registry registry
	// replay is true for the list that a group's dead letters are replayed from,
	// whose entries bring their identities along.
	replay bool

	waiting   atomic.Int32 // deliveries, see mostWaiting
	fullUntil atomic.Int64 // by the clock in ns, see fullFor
}

// isFull tells whether there was no room for dead letters a moment ago.
func (src *source) isFull() bool { return time.Now().UnixNano() < src.fullUntil.Load() }

// form is how a list's entries are written.
type form int

const (
	msgpackRequest form = iota
	protobufRequest
	msgpackUptime
)

// registry is that which names the groups of some lists, as claim.Store.Registry names it:
// one for all lists of requests, or one a list where the receiver reads chosen ones.
type registry string

// sources lists everything to watch: which of the request lists a gateway uses
// is its configuration's affair, so all are. Each comes with its replays.
func sources(cfg *Config, settings claim.Settings) []*source {
	var all []*source
	add := func(key string, f form, in registry) {
		src := claim.NewSource(key, settings)
		all = append(all, &source{Source: src, form: f, registry: in}, &source{Source: src.Replay(), form: f, registry: in, replay: true})
	}
	for _, list := range cfg.requestLists() {
		f, in := msgpackRequest, registry(cfg.KeyPrefix)
		if list.Protobuf {
			f = protobufRequest
		}
		if len(cfg.Requests.Lists) > 0 {
			in = registry(list.Key)
		}
		add(list.Key, f, in)
	}
	if cfg.Uptime.Enabled {
		list := analytics.UptimeListBehind(cfg.Uptime.KeyPrefix)
		add(list, msgpackUptime, registry(list))
	}
	return all
}

// requestLists are those of requests that a receiver reads.
func (cfg *Config) requestLists() []analytics.List {
	if !cfg.Requests.Enabled {
		return nil
	}
	all := analytics.RequestLists(cfg.KeyPrefix)
	if len(cfg.Requests.Lists) == 0 {
		return all
	}
	return slices.DeleteFunc(all, func(l analytics.List) bool {
		return !slices.Contains(cfg.Requests.Lists, strings.TrimPrefix(l.Key, cfg.KeyPrefix))
	})
}

// plain returns the sources as the protocol knows them.
func plain(sources []*source) []*claim.Source {
	all := make([]*claim.Source, len(sources))
	for i, src := range sources {
		all[i] = src.Source
	}
	return all
}

// decoder turns entries of one form into log records; it is used again for each.
type decoder struct {
	form    form
	tally   *measure.Batch       // nil where nothing counts
	to      *plog.LogRecordSlice // nil where log records are not wanted
	ignored analytics.FieldSet   // left out of log records
	slab    *slab.Slab           // of the chunk's log records
	claimed pcommon.Timestamp    // when the entries were

	request analytics.Record
	uptime  analytics.Uptime
}

// take counts what an entry is and makes a log record of it.
func (d *decoder) take(entry []byte, uid string) error {
	if d.form == msgpackRequest && d.tally == nil && d.to != nil {
		lr, err := d.request.MsgpackToLog(d.slab, *d.to, entry, uid, d.ignored)
		if err != nil {
			return err
		}
		lr.SetObservedTimestamp(d.claimed)
		return nil
	}
	if err := d.decode(entry); err != nil {
		return err
	}
	d.count()
	if d.to != nil {
		d.request.Clear(d.ignored)
		lr := d.slab.Append(*d.to)
		d.write(lr, uid)
		lr.SetObservedTimestamp(d.claimed)
	}
	return nil
}

func (d *decoder) decode(entry []byte) error {
	switch d.form {
	case protobufRequest:
		return analytics.DecodeProtobuf(entry, &d.request)
	case msgpackUptime:
		return analytics.DecodeUptime(entry, &d.uptime)
	default:
		return analytics.DecodeMsgpack(entry, &d.request)
	}
}

// write puts what was decoded last into a log record.
func (d *decoder) write(lr plog.LogRecord, uid string) {
	if d.form == msgpackUptime {
		d.uptime.ToLog(lr, uid)
		return
	}
	d.request.ToLogIn(d.slab, lr, uid)
}

// count adds what was decoded last to a tally, if there is one. Uptime checks are
// no requests and count nowhere.
func (d *decoder) count() {
	if d.tally != nil && d.form != msgpackUptime {
		d.tally.Add(&d.request)
	}
}
