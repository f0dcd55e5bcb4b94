package tykredisreceiver

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pipeline"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/metadata"
)

// gateway pushes records as the contract test asks for them.
type gateway struct {
	t    *testing.T
	rdb  *redis.Client
	next atomic.Int64
}

func (*gateway) Start() {}
func (*gateway) Stop()  {}

func (g *gateway) Generate() []receivertest.UniqueIDAttrVal {
	n := int(g.next.Add(1))
	entry := analytics.AppendMsgpack(nil, numbered(n))
	require.NoError(g.t, g.rdb.RPush(context.Background(), list, entry).Err())
	return []receivertest.UniqueIDAttrVal{receivertest.UniqueIDAttrVal(strconv.Itoa(n))}
}

// tagged puts each record's API key where the contract test looks for its id, and stands
// by its word: what it refused for good it refuses again. The receiver asks again where
// nothing was accepted beside a record, since a destination that refuses everything may
// be mended; the contract's checker would take that for a second delivery.
type tagged struct {
	consumer.Logs
	refused *sync.Map // by API key, the error
}

func (c tagged) ConsumeLogs(ctx context.Context, ld plog.Logs) error {
	var id string
	eachRecord(ld, func(lr plog.LogRecord) {
		key, _ := lr.Attributes().Get(analytics.AttrAPIKey)
		id = key.Str()
		lr.Attributes().PutStr(receivertest.UniqueIDAttrName, id)
	})
	if before, ok := c.refused.Load(id); ok {
		return before.(error)
	}
	err := c.Logs.ConsumeLogs(ctx, ld)
	if consumererror.IsPermanent(err) {
		c.refused.Store(id, err)
	}
	return err
}

func TestReceiverKeepsTheCollectorsConsumeContract(t *testing.T) {
	r := newRedis(t)
	cfg := createDefaultConfig().(*Config)
	cfg.Addresses = []string{r.Addr()}
	cfg.PollInterval = 5 * time.Millisecond
	cfg.ChunkSize = 1
	cfg.MaxInFlight = 10
	cfg.Redelivery.InitialInterval = time.Millisecond
	cfg.Redelivery.MaxInterval = 10 * time.Millisecond
	factory := receiver.NewFactory(metadata.Type, createDefaultConfig, receiver.WithLogs(
		func(ctx context.Context, set receiver.Settings, cfg component.Config, next consumer.Logs) (receiver.Logs, error) {
			require.NoError(t, r.Client().FlushDB(ctx).Err())
			return newInstances().logs(ctx, set, cfg, tagged{next, new(sync.Map)})
		}, metadata.LogsStability))
	receivertest.CheckConsumeContract(receivertest.CheckConsumeContractParams{
		T:             t,
		Factory:       factory,
		Signal:        pipeline.SignalLogs,
		Config:        cfg,
		Generator:     &gateway{t: t, rdb: r.Client()},
		GenerateCount: 60,
	})
}
