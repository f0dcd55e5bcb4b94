package analytics

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// ToLog writes u into lr, whose attributes it replaces; ObservedTimestamp is left
// to the caller. uid is the check's identity (see UID), left out when empty. Zero
// values become no attribute; FromLog reads everything back, except for invalid
// UTF-8. lr shares the memory of u's strings.
func (u *Uptime) ToLog(lr plog.LogRecord, uid string) {
	lr.SetEventName(EventUptime)
	severity, text := plog.SeverityNumberInfo, "INFO"
	if u.TCPError || u.ResponseCode == 0 || u.ResponseCode >= 400 {
		severity, text = plog.SeverityNumberError, "ERROR"
	}
	lr.SetSeverityNumber(severity)
	lr.SetSeverityText(text)

	const most = 16
	b := newAttributes(nil, most)
	b.str(AttrUID, uid)
	b.str(AttrURL, u.URL)
	b.int(AttrRequestTime, u.RequestTime)
	b.int(AttrResponseCode, u.ResponseCode)
	b.bool(AttrUptimeTCPError, u.TCPError)
	b.bool(AttrUptimeServerError, u.ServerError)
	b.str(AttrAPIID, u.APIID)
	b.str(AttrOrgID, u.OrgID)
	lr.SetTimestamp(logTime(u.TimeStamp))
	if !u.TimeStamp.IsZero() && logTime(u.TimeStamp) == 0 {
		b.instant(AttrTimestamp, u.TimeStamp)
	}
	b.calendar(u.TimeStamp, [4]int64{u.Day, u.Month, u.Year, u.Hour})
	if !u.ExpireAt.IsZero() {
		b.instant(AttrExpireAt, u.ExpireAt)
	}
	if u.Minute != u.minute() {
		b.Int(AttrMinute, u.Minute)
	}
	b.Into(lr.Attributes())
}

// FromLog empties u, fills it from lr, and gives the check's identity, which is
// empty where lr has none. It undoes ToLog, and takes what it can of log records
// of another origin.
func (u *Uptime) FromLog(lr plog.LogRecord) (uid string) {
	var r Record
	uid = r.FromLog(lr)
	*u = Uptime{
		RequestTime: r.RequestTime, ResponseCode: r.ResponseCode,
		Day: r.Day, Month: r.Month, Year: r.Year, Hour: r.Hour,
		TimeStamp: r.TimeStamp, ExpireAt: r.ExpireAt, APIID: r.APIID, OrgID: r.OrgID,
	}
	u.Minute = u.minute()
	for key, value := range lr.Attributes().All() {
		u.take(key, value)
	}
	return uid
}

func (u *Uptime) take(key string, value pcommon.Value) {
	switch key {
	case AttrURL:
		u.URL = asStr(value)
	case AttrUptimeTCPError:
		u.TCPError = asBool(value)
	case AttrUptimeServerError:
		u.ServerError = asBool(value)
	case AttrMinute:
		u.Minute = asInt(value)
	}
}

// minute is the timestamp's, and zero without one.
func (u *Uptime) minute() int64 {
	if u.TimeStamp.IsZero() {
		return 0
	}
	return int64(u.TimeStamp.UTC().Minute())
}
