package logging_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-tyk/otelcol-tyk/internal/logging"
)

// clock is set by tests.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time                         { return c.now }
func (c *clock) NewTicker(d time.Duration) *time.Ticker { return time.NewTicker(d) }

// newLogger has a collector's component say things, and gives what is left of it.
func newLogger(level zapcore.Level, kind, id string, options ...zap.Option) (*zap.Logger, *observer.ObservedLogs, *clock) {
	next, logs := observer.New(level)
	c := &clock{now: time.Unix(1_800_000_000, 0)}
	logger := logging.Wrap(zap.New(next, append(options, zap.WithClock(c))...))
	return component(logger, kind, id), logs, c
}

// component is a logger with the scope that the collector gives each component's.
func component(logger *zap.Logger, kind, id string) *zap.Logger {
	return logger.With(zap.Inline(zapcore.ObjectMarshalerFunc(func(scope zapcore.ObjectEncoder) error {
		scope.AddString("otelcol.component.kind", kind)
		scope.AddString("otelcol.component.id", id)
		scope.AddString("otelcol.signal", "logs")
		return nil
	})))
}

func TestAnOutageIsOneLineAndOneAMinuteWithACount(t *testing.T) {
	t.Parallel()
	logger, logs, c := newLogger(zap.InfoLevel, "exporter", "kafka")
	for second := range 125 {
		interval := time.Duration(second+1) * 563300 * time.Microsecond // 563.3ms, 1.1266s, 1m0.2731s
		logger.Info("Exporting failed. Will retry the request after interval.",
			zap.Error(fmt.Errorf("dial tcp 127.0.0.1:%d: connection refused after %s", 40000+second, interval)), zap.String("interval", interval.String()))
		c.now = c.now.Add(time.Second)
	}
	require.Equal(t, 3, logs.Len())
	assert.NotContains(t, logs.All()[0].ContextMap(), "repeated")
	assert.Equal(t, int64(49), logs.All()[1].ContextMap()["repeated"])
	assert.Equal(t, int64(49), logs.All()[2].ContextMap()["repeated"])
}

func TestWhatIsSaidOnceAMinuteIsSaid(t *testing.T) {
	t.Parallel()
	logger, logs, c := newLogger(zap.InfoLevel, "receiver", "tykredis")
	for range 5 {
		logger.Warn("Redis still cannot be read")
		c.now = c.now.Add(time.Minute - time.Second)
	}
	assert.Equal(t, 5, logs.Len())
}

func TestWhatDiffersIsSaid(t *testing.T) {
	t.Parallel()
	logger, logs, _ := newLogger(zap.InfoLevel, "exporter", "kafka")
	for range 3 {
		for _, broker := range []string{"a", "b"} {
			logger.Warn("cannot be reached", zap.String("broker", broker))
			logger.With(zap.String("broker", broker)).Warn("was left")
			component(logger, "exporter", "kafka/"+broker).Error("export failed")
			logger.Named(broker).Warn("is away")
		}
	}
	assert.Equal(t, 8, logs.Len(), "%v", logs.All())
}

func TestManyVariantsOfALineCountAsOne(t *testing.T) {
	t.Parallel()
	logger, logs, c := newLogger(zap.InfoLevel, "exporter", "otlp_http")
	say := func() {
		for i := range 100 {
			logger.Warn("refused", zap.String("request_id", strings.Repeat("x", i+1)))
		}
	}
	say()
	assert.Equal(t, 6, logs.Len())
	c.now = c.now.Add(time.Minute)
	say()
	assert.Equal(t, 12, logs.Len())
	assert.Equal(t, int64(94), logs.All()[11].ContextMap()["repeated"])
}

func TestMessagesWithoutEndAreForgotten(t *testing.T) {
	t.Parallel()
	logger, logs, c := newLogger(zap.InfoLevel, "exporter", "x")
	for i := range 2500 {
		logger.Warn(strings.Repeat("a", i%50) + strings.Repeat("b", i/50))
		c.now = c.now.Add(10 * time.Millisecond)
	}
	assert.Equal(t, 2500, logs.Len())
}

func TestChangesThatOurOwnCodeTellsAreSaid(t *testing.T) {
	t.Parallel()
	logger, logs, _ := newLogger(zap.InfoLevel, "receiver", "tykredis", zap.AddCaller())
	for range 3 {
		logger.Warn("Redis cannot be read")
		logger.Info("Working again")
	}
	require.Equal(t, 6, logs.Len())
	for range 200 {
		logger.Info("Working again")
	}
	assert.Equal(t, 103, logs.Len(), "but not without end")
}

func TestAnErrorForEachRecordIsSaidOnceAndCut(t *testing.T) {
	t.Parallel()
	logger, logs, _ := newLogger(zap.InfoLevel, "exporter", "kafka")
	var each []error
	for range 4000 {
		each = append(each, errors.New("message to topic tyk failed: no broker"))
	}
	joined := errors.Join(each...)
	logger.Error("kafka records export failed", zap.Error(joined), zap.ByteString("bytes", []byte(joined.Error())), zap.Strings("list", strings.Split(joined.Error(), "\n")))
	logger.With(zap.String("all", strings.Repeat("ab", 5000))).Error(strings.Repeat("cd", 5000))
	require.Equal(t, 2, logs.Len())
	said := logs.All()[0].ContextMap()
	want := fmt.Sprintf("message to topic tyk failed: no broker ... (%d bytes)", len(joined.Error()))
	assert.Equal(t, want, said["error"])
	assert.Equal(t, want, said["bytes"])
	for _, text := range []string{said["list"].(string), logs.All()[1].Message, logs.All()[1].ContextMap()["all"].(string)} {
		assert.LessOrEqual(t, len(text), 2000)
		assert.Equal(t, text, logging.Brief(text), "what is brief stays")
	}
	long := logging.Brief(strings.Repeat("ä", 5000) + ": set tls::insecure to true")
	assert.True(t, utf8.ValidString(long))
	assert.Regexp(t, `^ä+ \.\.\. \(10027 bytes\) \.\.\. ä+: set tls::insecure to true$`, long)
}

// verbose brings a stack trace where it can.
type verbose struct{}

func (verbose) Error() string                { return "failed" }
func (verbose) Format(s fmt.State, _ rune)   { _, _ = fmt.Fprint(s, "failed\ngoroutine 1\nmain.main") }
func (v verbose) Unwrap() []error            { return []error{v} }
func (verbose) String() string               { return "a verbose error" }
func (verbose) MarshalText() ([]byte, error) { return nil, errors.New("cannot be text") }

func TestErrorsAreTheirText(t *testing.T) {
	t.Parallel()
	logger, logs, _ := newLogger(zap.InfoLevel, "exporter", "kafka")
	var none *strings.Builder
	logger.Error("x", zap.Error(verbose{}), zap.Stringer("of", verbose{}), zap.Stringer("nil", none), zap.Any("any", make(chan int)))
	said := logs.All()[0].ContextMap()
	assert.Equal(t, "failed", said["error"])
	assert.NotContains(t, said, "errorVerbose")
	assert.Equal(t, "a verbose error", said["of"])
}

func TestAdviceThatLosesRecordsIsLeftOut(t *testing.T) {
	t.Parallel()
	for _, level := range []zapcore.Level{zap.InfoLevel, zap.DebugLevel} {
		logger, logs, _ := newLogger(level, "exporter", "tyksql")
		logger.Error("Exporting failed. Rejecting data. Try enabling sending_queue to survive temporary failures.")
		logger.Error("Exporting failed. Dropping data. Try enabling retry_on_failure config option to retry on retryable errors. Try enabling sending_queue to survive temporary failures.")
		require.Equal(t, 2, logs.Len())
		assert.Equal(t, "Exporting failed. Rejecting data.", logs.All()[0].Message)
		assert.Equal(t, "Exporting failed. Dropping data.", logs.All()[1].Message)
	}
}

func TestAtLevelDebugNothingIsLeftOut(t *testing.T) {
	t.Parallel()
	logger, logs, _ := newLogger(zap.DebugLevel, "exporter", "kafka")
	for range 10 {
		logger.Warn("refused", zap.String("all", strings.Repeat("x", 10_000)))
	}
	require.Equal(t, 10, logs.Len())
	assert.Len(t, logs.All()[9].ContextMap()["all"], 10_000)
}

func TestWhatTheDebugExporterShowsIsWhole(t *testing.T) {
	t.Parallel()
	for id, isWhole := range map[string]bool{"debug": true, "debug/x": true, "debugger": false} {
		logger, logs, _ := newLogger(zap.InfoLevel, "exporter", id)
		for range 10 {
			logger.Info(strings.Repeat("x", 10_000))
		}
		assert.Equal(t, isWhole, logs.Len() == 10, id)
		assert.Equal(t, isWhole, len(logs.All()[0].Message) == 10_000, id)
	}
}

// TestTheCollectorsOwnSamplingHoldsToo has a core behind that says only some of the lines.
func TestTheCollectorsOwnSamplingHoldsToo(t *testing.T) {
	t.Parallel()
	next, logs := observer.New(zap.InfoLevel)
	logger := logging.Wrap(zap.New(zapcore.NewSamplerWithOptions(next, time.Minute, 2, 0)))
	for _, broker := range []string{"a", "b", "c"} {
		logger.Warn("cannot be reached", zap.String("broker", broker))
	}
	assert.Equal(t, 2, logs.Len())
	require.NoError(t, logger.Sync())
}

func TestWhatExportersComplainOfIsThereForOthers(t *testing.T) {
	t.Parallel()
	exporter, _, c := newLogger(zap.InfoLevel, "exporter", "kafka/a")
	causes := logging.CausesOf(component(exporter, "receiver", "tykredis"))
	require.NotNil(t, causes)
	began := c.now
	assert.Empty(t, causes.Since("kafka/a", began))
	for range 2 { // what is not said again is news all the same
		c.now = c.now.Add(time.Second)
		exporter.Info("Exporting failed. Will retry the request after interval.", zap.Error(errors.New("connection refused")))
	}
	component(exporter, "receiver", "kafka/b").Error("x", zap.Error(errors.New("not of an exporter")))
	exporter.Warn("x", zap.NamedError("other", errors.New("other")))
	assert.Equal(t, "connection refused", causes.Since("kafka/a", began))
	assert.Equal(t, "connection refused", causes.Since("kafka/a", c.now))
	assert.Empty(t, causes.Since("kafka/a", c.now.Add(1)), "what was said before a delivery is not its cause")
	assert.Empty(t, causes.Since("kafka/b", began))

	kafka := component(exporter, "exporter", "kafka")
	for range 2 {
		kafka.Warn("unable to open connection to broker", zap.Any("err", errors.New("connection refused")))
		kafka.Info("metadata wait failed", zap.Any("err", errors.New("is no complaint")))
		kafka.Error("records export failed", zap.Error(errors.New("timeout")))
		kafka.Info("Exporting failed. Will retry the request after interval.", zap.Error(errors.New("timeout")))
	}
	assert.Equal(t, "connection refused; timeout", causes.Since("kafka", c.now))
	for i := range 5 {
		kafka.Error(fmt.Sprint("failed ", i), zap.Error(fmt.Errorf("cause %d", i)))
	}
	assert.Equal(t, "cause 2; cause 3; cause 4", causes.Since("kafka", c.now))

	none := logging.CausesOf(zap.NewNop())
	assert.Nil(t, none)
	assert.Empty(t, none.Since("kafka/a", began))
}

func TestWhatAReceiverLeavesOutIsNamed(t *testing.T) {
	t.Parallel()
	logger, logs, c := newLogger(zap.InfoLevel, "receiver", "kafka")
	for offset := range 150 {
		logger.Error("failed to consume message, skipping", zap.Int("offset", offset))
	}
	require.Equal(t, 100, logs.Len())
	c.now = c.now.Add(time.Minute)
	logger.Error("failed to consume message, skipping", zap.Int("offset", 150))
	assert.Equal(t, int64(50), logs.All()[100].ContextMap()["repeated"])
}

func TestTheEndOfTheCollectorRejectsNothing(t *testing.T) {
	t.Parallel()
	logger, logs, _ := newLogger(zap.InfoLevel, "exporter", "tyksql")
	const rejected = "Exporting failed. Rejecting data. Try enabling sending_queue to survive temporary failures."
	logger.Error(rejected, zap.Error(errors.New("interrupted due to shutdown: connection refused")), zap.Int("rejected_items", 300))
	logger.Error(rejected, zap.Error(errors.New("no such table")), zap.Int("rejected_items", 300))
	require.Equal(t, 2, logs.Len())
	assert.Equal(t, zap.InfoLevel, logs.All()[0].Level)
	assert.Equal(t, "Exporting was cut short by the end of the collector.", logs.All()[0].Message)
	assert.Equal(t, zap.ErrorLevel, logs.All()[1].Level)
}
