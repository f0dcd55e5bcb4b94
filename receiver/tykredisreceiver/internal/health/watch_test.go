package health

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.uber.org/zap"
)

func TestStatusFollowsProgress(t *testing.T) {
	host := newStatusHost()
	w := NewWatch(New(host, zap.NewNop(), asItIs), "elasticsearch")
	now := time.Unix(1000, 0)
	w.now = func() time.Time { return now }
	w.Look()
	after := func(d time.Duration) componentstatus.Status {
		now = now.Add(d)
		w.check()
		return host.last().Status()
	}

	assert.Equal(t, componentstatus.StatusOK, after(time.Second))
	w.Begin("a delivery")
	assert.Equal(t, componentstatus.StatusOK, after(slowDelivery))
	assert.Equal(t, componentstatus.StatusRecoverableError, after(time.Second), "a destination that holds a delivery is not ready")
	require.EqualError(t, host.last().Err(), "a delivery to elasticsearch is under way for more than 30s")
	w.End("a delivery")
	assert.Equal(t, componentstatus.StatusOK, after(time.Second))
	assert.Equal(t, componentstatus.StatusPermanentError, after(stuckLoop), "a loop that stands still is dead")
	assert.Equal(t, componentstatus.StatusPermanentError, after(time.Second))
}
