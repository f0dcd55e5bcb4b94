package tykmongoexporter

import (
	"bytes"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// Pushes go on while the server is stopped, killed and comes back, several times.
func TestOutagesLoseAndDoubleNothing(t *testing.T) {
	t.Parallel()
	server := peers.StartMongo(t)
	d := withRetries(freshTarget(t, server))
	d.config.Collections.Organisations.Enabled = true
	host := newStatusHost()
	e := d.startWith(t, nopSettings(), host)

	const workers, chunks, size = 3, 20, 20
	var wg sync.WaitGroup
	var stored atomic.Int64
	for worker := range workers {
		wg.Go(func() {
			for chunk := range chunks {
				first := (worker*chunks + chunk) * size
				if assert.NoError(t, e.ConsumeLogs(t.Context(), samples("seg", first, first+size-1))) {
					stored.Add(1)
				}
			}
		})
	}
	// The outages come while there is work left: each waits for progress first.
	for outage := range int64(4) {
		require.Eventually(t, func() bool { return stored.Load() > (outage+1)*workers*chunks/8 }, 5*time.Minute, time.Millisecond)
		if outage%2 == 0 {
			server.Kill()
		} else {
			require.NoError(t, server.Stop(t.Context()))
		}
		require.NoError(t, server.Start(t.Context()))
	}
	wg.Wait()
	d.assertPaths(t, 0, workers*chunks*size-1)
	assert.Equal(t, workers*chunks*size, d.count(t, "z_tyk_analyticz_acme"))
	statuses := host.statuses()
	if len(statuses) > 0 { // an outage may fall between two pushes
		assert.Equal(t, componentstatus.StatusOK, statuses[len(statuses)-1])
	}
}

func TestServerThatIsDownAtTheStartIsWaitedFor(t *testing.T) {
	t.Parallel()
	server := peers.StartMongo(t)
	d := withRetries(targetOf(t, server.FreshDatabase()+"?"+selection+"100"))
	require.NoError(t, server.Stop(t.Context()))
	host := newStatusHost()
	e := d.startWith(t, nopSettings(), host)
	assert.Equal(t, []componentstatus.Status{componentstatus.StatusRecoverableError}, host.statuses())
	done := make(chan error, 1)
	go func() { done <- e.ConsumeLogs(t.Context(), samples("seg", 0, 9)) }()
	require.NoError(t, server.Start(t.Context()))
	require.NoError(t, <-done)
	d.assertPaths(t, 0, 9)
	assert.Contains(t, d.indexNames(t, "tyk_analytics"), "logBrowserIndex")
	statuses := host.statuses()
	require.Greater(t, len(statuses), 1, "one for each cause, and the end of it")
	for _, status := range statuses[:len(statuses)-1] {
		assert.Equal(t, componentstatus.StatusRecoverableError, status)
	}
	assert.Equal(t, componentstatus.StatusOK, statuses[len(statuses)-1])
}

func TestServerThatHangsEndsAnAttemptInTime(t *testing.T) {
	t.Parallel()
	server := peers.StartMongo(t)
	d := freshTarget(t, server)
	d.config.Timeout.Timeout = 200 * time.Millisecond
	e := d.start(t)
	require.NoError(t, e.ConsumeLogs(t.Context(), samples("seg", 0, 9)))
	require.NoError(t, server.Freeze())
	err := e.ConsumeLogs(t.Context(), samples("seg", 10, 19))
	require.Error(t, err)
	assert.False(t, consumererror.IsPermanent(err))
	require.NoError(t, server.Thaw())
	require.Eventually(t, func() bool {
		return e.ConsumeLogs(t.Context(), samples("seg", 10, 19)) == nil
	}, 5*time.Minute, time.Millisecond)
	d.assertPaths(t, 0, 19)
}

// Two exporters write the same chunks and one of them is always cut off.
func TestReplicasStoreEachRecordOnce(t *testing.T) {
	t.Parallel()
	server := peers.StartMongo(t)
	d, l := startLink(t, server)
	d = withRetries(d)
	var n atomic.Int64
	l.on(func(command bson.Raw) *verdict {
		if named(command, "insert") && n.Add(1)%2 == 0 {
			return &verdict{cut: true, pass: true}
		}
		return nil
	})
	shaky, steady := d.start(t), withRetries(targetOf(t, server.URI(d.db.Name()))).start(t)
	var wg sync.WaitGroup
	for chunk := range 10 {
		logs := samples("seg", chunk*20, chunk*20+19)
		wg.Go(func() { assert.NoError(t, shaky.ConsumeLogs(t.Context(), logs)) })
		again := samples("seg", chunk*20, chunk*20+19)
		wg.Go(func() { assert.NoError(t, steady.ConsumeLogs(t.Context(), again)) })
	}
	wg.Wait()
	d.assertPaths(t, 0, 199)
}

func TestSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	const secret = "s3cr3t-p4ss"
	d := targetOf(t, "mongodb://"+peers.Address(1)+"/tyk?"+selection+"50")
	d.config.URI = configopaque.String("mongodb://user:" + secret + "@" + peers.Address(1) + "/tyk?" + selection + "50")
	var log bytes.Buffer
	set := nopSettings()
	set.Logger = zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(&log), zap.DebugLevel))
	e := d.startWith(t, set, componenttest.NewNopHost())
	err := e.ConsumeLogs(t.Context(), samples("seg", 0, 0))
	require.Error(t, err)
	var refused *analytics.RefusedError
	require.NotErrorAs(t, err, &refused)
	assert.NotContains(t, err.Error(), secret)
	assert.NotContains(t, log.String(), secret)
	assert.NotEmpty(t, log.String())
}
