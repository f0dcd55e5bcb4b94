package health

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/otelcol-tyk/otelcol-tyk/internal/logging"
)

func TestStatusFollowsProgress(t *testing.T) {
	host := newStatusHost()
	w := NewWatch(New(host, zap.NewNop(), asItIs), "elasticsearch", nil, nil)
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

// TestASlowDeliveryNamesWhatItsExporterComplainsOf has exporters that retry by themselves, of which
// the receiver sees nothing until they are done.
func TestASlowDeliveryNamesWhatItsExporterComplainsOf(t *testing.T) {
	host := newStatusHost()
	logger := logging.Wrap(zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zapcore.EncoderConfig{}), zapcore.AddSync(io.Discard), zap.InfoLevel)))
	w := NewWatch(New(host, zap.NewNop(), asItIs), "kafka, tyksql", []string{"kafka", "tyksql"}, logging.CausesOf(logger))
	complain := func(text string) {
		logger.With(zap.Inline(zapcore.ObjectMarshalerFunc(func(scope zapcore.ObjectEncoder) error {
			scope.AddString("otelcol.component.kind", "exporter")
			scope.AddString("otelcol.component.id", "kafka")
			return nil
		}))).Info("Exporting failed. Will retry the request after interval.", zap.Error(errors.New(text)))
	}
	complain("of another delivery")
	w.Begin("a delivery")
	w.now = func() time.Time { return time.Now().Add(slowDelivery + time.Second) }
	w.check()
	require.EqualError(t, host.last().Err(), "a delivery to kafka, tyksql is under way for more than 30s")
	complain("connection refused")
	w.check()
	assert.EqualError(t, host.last().Err(), "a delivery to kafka, tyksql is under way for more than 30s; kafka: connection refused")
}
