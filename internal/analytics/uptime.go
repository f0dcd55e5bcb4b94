package analytics

import "time"

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

var uptimeKeys = newMsgpackKeys(
	"URL", "RequestTime", "ResponseCode", "TCPError", "ServerError", "Day",
	"Month", "Year", "Hour", "Minute", "TimeStamp", "ExpireAt", "APIID", "OrgID",
)

// DecodeUptime empties u and fills it from one entry of the uptime list, with
// the tolerance, the errors and the sharing of memory of DecodeMsgpack.
func DecodeUptime(entry []byte, u *Uptime) error {
	*u = Uptime{}
	if len(entry) == 0 {
		return errNoBytes
	}
	d := newMsgpackReader(entry)
	for w := d.begin(uptimeKeys); d.next(&w); {
		switch w.field {
		case 0:
			u.URL = d.str()
		case 1:
			u.RequestTime = d.int()
		case 2:
			u.ResponseCode = d.int()
		case 3:
			u.TCPError = d.bool()
		case 4:
			u.ServerError = d.bool()
		case 5:
			u.Day = d.int()
		case 6:
			u.Month = d.int()
		case 7:
			u.Year = d.int()
		case 8:
			u.Hour = d.int()
		case 9:
			u.Minute = d.int()
		case 10:
			u.TimeStamp = d.time()
		case 11:
			u.ExpireAt = d.time()
		case 12:
			u.APIID = d.str()
		default:
			u.OrgID = d.str()
		}
	}
	if d.err != nil {
		return d.err
	}
	return nil
}
