package pumpconf

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestMoesif(t *testing.T) {
	t.Parallel()
	const settings = `"application_id": "app", "request_header_masks": ["X-Api-Key"], "response_body_masks": ["secret", "token"],
		"disable_capture_request_body": true, "user_id_header": "X-User-Id", "authorization_user_id_field": "user",
		"bulk_config": {"api_endpoint": "https://moesif.example", "batch_size": 50, "event_queue_size": 7, "timer_wake_up_seconds": 1}`
	r := converted(t, pumps(`"m": {"type": "moesif", "timeout": 60, "meta": {"enable_bulk": true, `+settings+`}}`))
	want := map[string]any{
		"endpoint": "https://moesif.example", "application_id": "app", "request_header_masks": []any{"X-Api-Key"}, "response_body_masks": []any{"secret", "token"},
		"disable_capture_request_body": true, "user_id_header": "X-User-Id", "authorization_user_id_field": "user", "max_request_events": int64(50), "timeout": "60s",
	}
	assert.Equal(t, want, at(t, r, "exporters::tykmoesif/m"))
	assert.Equal(t, "pump-moesif.moesif.example_443", at(t, r, "receivers::tykredis/moesif::group"))

	r = converted(t, pumps(`"m": {"type": "moesif", "meta": {`+settings+`}}`))
	delete(want, "endpoint")
	delete(want, "max_request_events")
	delete(want, "timeout")
	assert.Equal(t, want, at(t, r, "exporters::tykmoesif/m"), "without enable_bulk, bulk_config is not read")
}

func TestResurface(t *testing.T) {
	t.Parallel()
	r := converted(t, pumps(`"r": {"type": "resurfaceio", "meta": {"capture_url": "http://resurface:7701/message", "rules": "include debug\nsample 50"}}`))
	assert.Equal(t, map[string]any{"endpoint": "http://resurface:7701/message", "rules": "include debug\nsample 50"}, at(t, r, "exporters::tykresurface/r"))
	assert.Equal(t, "pump-resurface.resurface_7701", at(t, r, "receivers::tykredis/resurface::group"))
	r = converted(t, pumps(`"r": {"type": "resurfaceio", "meta": {}}`), "USAGE_LOGGERS_URL=https://u:p@resurface/message")
	assert.Equal(t, map[string]any{"endpoint": "https://u:p@resurface/message"}, at(t, r, "exporters::tykresurface/r"))
	assert.Contains(t, Convert(input(pumps(`"r": {"type": "resurfaceio", "meta": {"capture_url": "https://r/m"}}`), "USAGE_LOGGERS_DISABLE=true")).Summary(),
		"ERROR USAGE_LOGGERS_DISABLE: is set, with which Tyk Pump leaves pumps.r out: unset it, or take the pump out")
}

func TestSegment(t *testing.T) {
	t.Parallel()
	r := converted(t, pumps(`"s": {"type": "segment", "meta": {"segment_write_key": "key"}}`))
	assert.Equal(t, map[string]any{"segment_write_key": "key", "ignore_fields": []any{}, "truncate": true}, at(t, r, "exporters::tyksegment/s"))
}
