package source

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/measure"
	"github.com/otelcol-tyk/otelcol-tyk/internal/slab"
)

// Form is how a list's entries are written.
type Form int

// The forms.
const (
	MsgpackRequest Form = iota
	ProtobufRequest
	MsgpackUptime
)

// Decoder turns entries of one form into log records; it is used again for each.
type Decoder struct {
	// Form is that of the entries.
	Form Form
	// Tally counts them; nil where nothing does.
	Tally *measure.Batch
	// To takes the log records; nil where they are not wanted.
	To *plog.LogRecordSlice
	// Ignored fields are left out of log records.
	Ignored analytics.FieldSet
	// Slab has the memory of the chunk's log records.
	Slab *slab.Slab
	// Claimed is when the entries were.
	Claimed pcommon.Timestamp

	request analytics.Record
	uptime  analytics.Uptime
}

// Take counts what an entry is and makes a log record of it. Uptime checks are no requests
// and count nowhere.
func (d *Decoder) Take(entry []byte, uid string) error {
	if d.Form == MsgpackRequest && d.Tally == nil && d.To != nil {
		lr, err := d.request.MsgpackToLog(d.Slab, *d.To, entry, uid, d.Ignored)
		if err != nil {
			return err
		}
		lr.SetObservedTimestamp(d.Claimed)
		return nil
	}
	if err := d.decode(entry); err != nil {
		return err
	}
	if d.Tally != nil && d.Form != MsgpackUptime {
		d.Tally.Add(&d.request)
	}
	if d.To == nil {
		return nil
	}
	lr := d.Slab.Append(*d.To)
	if d.Form == MsgpackUptime {
		d.uptime.ToLog(lr, uid)
	} else {
		d.request.Clear(d.Ignored)
		d.request.ToLogIn(d.Slab, lr, uid)
	}
	lr.SetObservedTimestamp(d.Claimed)
	return nil
}

// TakeUnread makes a log record of an entry that cannot be decoded. It tells nothing but the identity.
func (d *Decoder) TakeUnread(uid string) {
	lr := d.To.AppendEmpty()
	lr.SetEventName(analytics.EventEntry)
	lr.Attributes().PutStr(analytics.AttrUID, uid)
	lr.SetObservedTimestamp(d.Claimed)
}

// Request decodes an entry that is a request's record; it holds until the next entry.
func (d *Decoder) Request(entry []byte) (*analytics.Record, error) {
	return &d.request, d.decode(entry)
}

func (d *Decoder) decode(entry []byte) error {
	switch d.Form {
	case ProtobufRequest:
		return analytics.DecodeProtobuf(entry, &d.request)
	case MsgpackUptime:
		return analytics.DecodeUptime(entry, &d.uptime)
	default:
		return analytics.DecodeMsgpack(entry, &d.request)
	}
}
