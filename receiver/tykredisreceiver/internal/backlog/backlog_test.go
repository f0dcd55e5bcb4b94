package backlog

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/source"
)

func TestLightenGivesUpWhatThePolicyNamesAndNothingElse(t *testing.T) {
	full := &analytics.Record{Method: "GET", Path: "/things", ResponseCode: 200}
	full.RawRequest, full.RawResponse = "cmVx", "cmVz"
	bare := &analytics.Record{Method: "GET", Path: "/things", ResponseCode: 200}
	failed := &analytics.Record{Method: "GET", Path: "/things", ResponseCode: 500}
	for name, test := range map[string]struct {
		form   source.Form
		encode func([]byte, *analytics.Record) []byte
	}{
		"msgpack":  {source.MsgpackRequest, analytics.AppendMsgpack},
		"protobuf": {source.ProtobufRequest, analytics.AppendProtobuf},
	} {
		t.Run(name, func(t *testing.T) {
			text := func(r *analytics.Record) string { return string(test.encode(nil, r)) }
			assert.Equal(t, text(bare), lighten(test.form, Bodies, text(full)))
			assert.Equal(t, text(bare), lighten(test.form, Bodies, text(bare)))
			assert.Equal(t, claim.ShedEntry, lighten(test.form, Successes, text(full)))
			assert.Equal(t, text(failed), lighten(test.form, Successes, text(failed)))
			assert.Equal(t, claim.ShedEntry, lighten(test.form, Bodies, claim.ShedEntry))
			assert.Equal(t, "\xc1", lighten(test.form, Successes, "\xc1"), "dead letters keep their bytes")
		})
	}
}
