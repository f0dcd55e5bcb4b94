package analytics

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"pgregory.net/rapid"
)

func TestUptimeSurvivesTheLogRecord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		small := rapid.Int64Range(-1, 70)
		instant := rapid.Custom(func(t *rapid.T) time.Time {
			if rapid.Bool().Draw(t, "zero") {
				return time.Time{}
			}
			return time.Unix(rapid.Int64Range(-1e10, 1e11).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).UTC()
		})
		want := Uptime{
			URL: rapid.String().Draw(t, "url"), RequestTime: small.Draw(t, "time"), ResponseCode: rapid.Int64Range(-1, 600).Draw(t, "code"),
			TCPError: rapid.Bool().Draw(t, "tcp"), ServerError: rapid.Bool().Draw(t, "server"),
			Day: small.Draw(t, "day"), Month: small.Draw(t, "month"), Year: small.Draw(t, "year"), Hour: small.Draw(t, "hour"), Minute: small.Draw(t, "minute"),
			TimeStamp: instant.Draw(t, "at"), ExpireAt: instant.Draw(t, "expire"),
			APIID: rapid.String().Draw(t, "api"), OrgID: rapid.String().Draw(t, "org"),
		}
		lr := plog.NewLogRecord()
		want.ToLog(lr, "s-1")
		var got Uptime
		require.Equal(t, "s-1", got.FromLog(lr))
		assert.Equal(t, want, got)
		assert.Equal(t, EventUptime, lr.EventName())
	})
}

func TestAFailedCheckIsAnErrorToo(t *testing.T) {
	for name, test := range map[string]struct {
		check Uptime
		want  plog.SeverityNumber
	}{
		"ok":                    {Uptime{ResponseCode: 200}, plog.SeverityNumberInfo},
		"no content":            {Uptime{ResponseCode: 204, ServerError: true}, plog.SeverityNumberInfo},
		"server error":          {Uptime{ResponseCode: 500, ServerError: true}, plog.SeverityNumberError},
		"refused TCP":           {Uptime{ResponseCode: 521, TCPError: true}, plog.SeverityNumberError},
		"no answer of any kind": {Uptime{}, plog.SeverityNumberError},
	} {
		t.Run(name, func(t *testing.T) {
			lr := plog.NewLogRecord()
			test.check.ToLog(lr, "")
			assert.Equal(t, test.want, lr.SeverityNumber())
		})
	}
}
