package main

import (
	"context"
	"flag"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/traffic"
)

func TestBacklogOfBothSerializersArrivesAndIsReported(t *testing.T) {
	r := peers.StartRedis(t, peers.RedisPassword("s3cret"))
	t.Setenv("REDIS_PASSWORD", "s3cret")
	var out strings.Builder
	require.NoError(t, run(t.Context(), []string{
		"-redis", r.Addr(), "-backlog", "3000", "-serializer", "both", "-multiple-keys", "-poison", "12", "-marker", "m1", "-mcp=false",
	}, &out, io.Discard))
	assert.Contains(t, out.String(), "pushed 3000 records (0 of MCP APIs) and 12 undecodable entries")

	marks := map[string]bool{}
	undecodable := 0
	for _, key := range r.Client().Keys(t.Context(), traffic.Key+"_*").Val() {
		assert.Contains(t, out.String(), key)
		read := analytics.DecodeMsgpack
		if strings.HasSuffix(key, "_protobuf") {
			read = analytics.DecodeProtobuf
		}
		for _, entry := range r.Client().LRange(t.Context(), key, 0, -1).Val() {
			var record analytics.Record
			if read([]byte(entry), &record) != nil {
				undecodable++
				continue
			}
			_, mark, found := strings.Cut(record.UserAgent, " run/m1/")
			require.True(t, found)
			marks[mark] = true
		}
	}
	assert.Len(t, marks, 3000, "each record is there once")
	assert.Equal(t, 12, undecodable)
}

func TestRateStopsAfterTheDuration(t *testing.T) {
	r := peers.StartRedis(t)
	var out strings.Builder
	require.NoError(t, run(t.Context(), []string{"-redis", r.Addr(), "-rate", "500", "-duration", "400ms"}, &out, io.Discard))
	assert.Contains(t, out.String(), "pushed 200 records")
	assert.EqualValues(t, 200, r.Client().LLen(t.Context(), traffic.Key).Val())
}

func TestInterruptEndsCleanlyWithAReport(t *testing.T) {
	r := peers.StartRedis(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	var out strings.Builder
	go func() { done <- run(ctx, []string{"-redis", r.Addr(), "-rate", "0"}, &out, io.Discard) }()
	for r.Client().LLen(t.Context(), traffic.Key).Val() == 0 {
		require.NoError(t, t.Context().Err())
	}
	cancel()
	require.NoError(t, <-done)
	assert.Contains(t, out.String(), "records/s")
}

func TestRedisThatIsAwayIsNamed(t *testing.T) {
	r := peers.StartRedis(t)
	r.Kill()
	var out strings.Builder
	require.ErrorContains(t, run(t.Context(), []string{"-redis", r.Addr(), "-backlog", "10"}, &out, io.Discard), r.Addr())
	assert.Contains(t, out.String(), "pushed 0 records")
}

func TestWrongFlagsAreNamed(t *testing.T) {
	for want, args := range map[string][]string{
		"-rate is -1":               {"-rate", "-1"},
		"-rate is NaN":              {"-rate", "NaN"},
		"-backlog is -5":            {"-backlog", "-5"},
		"-duration is -1s":          {"-duration", "-1s"},
		"-span is -1s":              {"-span", "-1s"},
		`unexpected argument "x"`:   {"x"},
		`serializer is "json"`:      {"-serializer", "json"},
		"number of APIs is 0":       {"-apis", "0", "-orgs", "1"},
		"time to live is 1ms":       {"-ttl", "1ms"},
		"flag provided but not def": {"-nonsense"},
	} {
		t.Run(want, func(t *testing.T) {
			require.ErrorContains(t, run(t.Context(), args, io.Discard, io.Discard), want)
		})
	}
	require.ErrorIs(t, run(t.Context(), []string{"-help"}, io.Discard, io.Discard), flag.ErrHelp)
}
