package tykredisreceiver

import (
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
	// replay is true for the list that a group's dead letters are replayed from,
	// whose entries bring their identities along.
	replay bool
}

// form is how a list's entries are written.
type form int

const (
	msgpackRequest form = iota
	protobufRequest
	msgpackUptime
)

// kind is which registry names the groups that read a list.
type kind int

const (
	requestKind kind = iota
	uptimeKind
)

func (src *source) kind() kind {
	if src.form == msgpackUptime {
		return uptimeKind
	}
	return requestKind
}

// sources lists everything to watch: which of the request lists a gateway uses
// is its configuration's affair, so all are. Each comes with its replays.
func sources(cfg *Config, settings claim.Settings) []*source {
	var all []*source
	add := func(key string, f form) {
		src := claim.NewSource(key, settings)
		all = append(all, &source{Source: src, form: f}, &source{Source: src.Replay(), form: f, replay: true})
	}
	if cfg.Requests.Enabled {
		for _, list := range analytics.RequestLists(cfg.KeyPrefix) {
			if list.Protobuf {
				add(list.Key, protobufRequest)
			} else {
				add(list.Key, msgpackRequest)
			}
		}
	}
	if cfg.Uptime.Enabled {
		add(analytics.UptimeList, msgpackUptime)
	}
	return all
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
