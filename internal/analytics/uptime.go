package analytics

import (
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
)

// Uptime is one uptime check of an upstream (contract: records and raw stores,
// section 2.6). It is always msgpack.
type Uptime struct {
	// URL is what was checked.
	URL string
	// RequestTime is in milliseconds.
	RequestTime int64
	// ResponseCode is the HTTP status, 521 where the connection failed, 0 without an answer.
	ResponseCode int64
	// TCPError is true where the connection failed.
	TCPError bool
	// ServerError is true for every status above 200, so also for 204.
	ServerError bool
	// Day, Month, Year, Hour and Minute are TimeStamp's in the gateway's own zone.
	Day, Month, Year, Hour, Minute int64
	// TimeStamp is the instant of the check, in UTC here; zero when absent.
	TimeStamp time.Time
	// ExpireAt is when stores may drop the report, in UTC; zero when absent.
	ExpireAt time.Time
	// APIID identifies the API.
	APIID string
	// OrgID identifies the organisation that owns the API.
	OrgID string
}

// uptime is the table of a check's fields, which is read into a Record.
var uptime = newGroup(always,
	row{key: "URL", attribute: AttrURL, value: text(func(r *Record) *string { return &r.work.check.URL })},
	row{key: "RequestTime", attribute: AttrRequestTime, value: long(func(r *Record) *int64 { return &r.RequestTime })},
	row{key: "ResponseCode", attribute: AttrResponseCode, value: record.find("response_code").value},
	row{key: "TCPError", attribute: "tyk.uptime.tcp_error", value: boolean(func(r *Record) *bool { return &r.work.check.TCPError })},
	row{key: "ServerError", attribute: "tyk.uptime.server_error", value: boolean(func(r *Record) *bool { return &r.work.check.ServerError })},
	row{key: "Day", attribute: AttrDay, value: record.find("day").value},
	row{key: "Month", attribute: AttrMonth, value: record.find("month").value},
	row{key: "Year", attribute: AttrYear, value: record.find("year").value},
	row{key: "Hour", attribute: AttrHour, value: record.find("hour").value},
	row{key: "Minute", attribute: "tyk.time.minute", value: minute{long(func(r *Record) *int64 { return &r.work.check.Minute })}},
	row{key: "TimeStamp", attribute: AttrTimestamp, value: record.find("timestamp").value},
	row{key: "ExpireAt", attribute: AttrExpireAt, value: record.find("expireAt").value},
	row{key: "APIID", attribute: AttrAPIID, value: record.find("api_id").value},
	row{key: "OrgID", attribute: AttrOrgID, value: record.find("org_id").value},
)

// minute is left out where it is the timestamp's.
type minute struct{ typed[int64] }

func (m minute) put(b *attributes, key string, r *Record) {
	if *m.at(r) != minuteOf(r.TimeStamp) {
		b.Int(key, *m.at(r))
	}
}

// minuteOf is zero without a time.
func minuteOf(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return int64(t.UTC().Minute())
}

func (u *Uptime) record() *Record {
	r := &Record{
		RequestTime: u.RequestTime, ResponseCode: u.ResponseCode, Day: u.Day, Month: u.Month, Year: u.Year, Hour: u.Hour,
		TimeStamp: u.TimeStamp, ExpireAt: u.ExpireAt, APIID: u.APIID, OrgID: u.OrgID,
	}
	r.work.check = *u
	return r
}

func (r *Record) uptime() Uptime {
	u := r.work.check
	u.RequestTime, u.ResponseCode, u.APIID, u.OrgID = r.RequestTime, r.ResponseCode, r.APIID, r.OrgID
	u.Day, u.Month, u.Year, u.Hour, u.TimeStamp, u.ExpireAt = r.Day, r.Month, r.Year, r.Hour, r.TimeStamp, r.ExpireAt
	return u
}

// DecodeUptime empties u and fills it from one entry of the uptime list, with
// the tolerance, the errors and the sharing of memory of DecodeMsgpack.
func DecodeUptime(entry []byte, u *Uptime) error {
	var r Record
	err := uptime.decode(entry, &r)
	*u = r.uptime()
	return err
}

// AppendUptime appends u as a gateway writes it (contract: records and raw
// stores, section 2.6), and returns the extended slice.
func AppendUptime(dst []byte, u *Uptime) []byte { return uptime.appendMsgpack(dst, u.record()) }

// ToLog writes u into lr, whose attributes it replaces; ObservedTimestamp is left
// to the caller. uid is the check's identity (see UID), left out when empty. Zero
// values become no attribute; FromLog reads everything back, except for invalid
// UTF-8. lr shares the memory of u's strings.
func (u *Uptime) ToLog(lr plog.LogRecord, uid string) {
	r := u.record()
	lr.SetEventName(EventUptime)
	severity, text := plog.SeverityNumberInfo, "INFO"
	if u.TCPError || u.ResponseCode == 0 || u.ResponseCode >= 400 {
		severity, text = plog.SeverityNumberError, "ERROR"
	}
	lr.SetSeverityNumber(severity)
	lr.SetSeverityText(text)
	lr.SetTimestamp(logTime(u.TimeStamp))
	uptime.putInto(lr.Attributes(), nil, uid, r)
}

// FromLog empties u, fills it from lr, and gives the check's identity, which is
// empty where lr has none. It undoes ToLog, and takes what it can of log records
// of another origin.
func (u *Uptime) FromLog(lr plog.LogRecord) (uid string) {
	var r Record
	uid = r.FromLog(lr)
	r.work.check.Minute = minuteOf(r.TimeStamp)
	for _, f := range uptime.fields {
		if v, ok := lr.Attributes().Get(f.attribute); ok {
			f.value.attributes(f.attribute)[0].take(&r, v, &r.work.from)
		}
	}
	*u = r.uptime()
	return uid
}
