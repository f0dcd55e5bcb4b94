package pumpconf

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSQS(t *testing.T) {
	t.Parallel()
	r := converted(t, pumps(`"s": {"type": "sqs", "meta": {"aws_queue_name": "records", "aws_region": "eu-west-1", "aws_key": "k", "aws_secret": "hush", "aws_token": "t",
		"aws_endpoint": "http://localhost:4566", "aws_message_group_id": "g", "aws_message_id_deduplication_enabled": true, "aws_delay_seconds": 5, "aws_sqs_batch_limit": 7},
		"timeout": 60}`))
	assert.Equal(t, map[string]any{
		"queue_name": "records", "region": "eu-west-1", "access_key_id": "k", "secret_access_key": "hush", "session_token": "t", "endpoint": "http://localhost:4566",
		"message_group_id": "g", "delay_seconds": int64(5), "timeout": "60s",
	}, at(t, r, "exporters::tyksqs/s"))
	assert.NotContains(t, r.YAML(), "hush")

	r = converted(t, pumps(`"s": {"type": "sqs", "meta": {"aws_queue_name": "records.fifo", "aws_delay_seconds": 5}}`))
	assert.Equal(t, map[string]any{"queue_name": "records.fifo", "message_group_by": "org_id"}, at(t, r, "exporters::tyksqs/s"))
	assert.Equal(t, "pump-sqs.records.fifo", at(t, r, "receivers::tykredis/sqs::group"))
}

func TestKinesis(t *testing.T) {
	t.Parallel()
	r := converted(t, pumps(`"k": {"type": "kinesis", "meta": {"stream_name": "records", "region": "eu-west-1", "batch_size": 100}}`))
	assert.Equal(t, map[string]any{"stream_name": "records", "region": "eu-west-1"}, at(t, r, "exporters::tykkinesis/k"))
	assert.Equal(t, "pump-kinesis.eu-west-1.records", at(t, r, "receivers::tykredis/kinesis::group"))
	r = converted(t, pumps(`"k": {"type": "kinesis", "meta": {"stream_name": "records"}}`))
	assert.Equal(t, "pump-kinesis.records", at(t, r, "receivers::tykredis/kinesis::group"))
}
