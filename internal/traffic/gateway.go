package traffic

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// Key is the list that a gateway writes to by default (contract: records and raw
// stores, section 1.1). With several keys "_0" to "_9" follow, with protobuf
// "_protobuf" at the very end.
const Key = "analytics-tyk-system-analytics"

const (
	suffixes       = 10
	protobufSuffix = "_protobuf"
	flushRecords   = 500 // a gateway's buffer of 1,000, shared by two workers
	flushTimeout   = 10 * time.Second
	expireInterval = time.Second
	pace           = 10 * time.Millisecond
)

// Serializer names the wire form of the records.
type Serializer string

// The wire forms; Both alternates from record to record.
const (
	Msgpack  Serializer = "msgpack"
	Protobuf Serializer = "protobuf"
	Both     Serializer = "both"
)

// GatewaySettings choose how records are pushed. The zero value pushes msgpack
// to one key that never expires.
type GatewaySettings struct {
	// Serializer is Msgpack where empty.
	Serializer Serializer
	// MultipleKeys spreads flushes over the ten suffixed keys at random.
	MultipleKeys bool
	// Expire, from 1s, is set once a second on each msgpack key without a time to
	// live, as a gateway does (60s unless configured). 0 sets none.
	Expire time.Duration
	// Poison is the number of undecodable entries to mix in, at most one for each record.
	Poison int64
	// Observe, where set, sees each record before it is pushed; it must not keep it.
	Observe func(*analytics.Record)
}

// Totals count what Redis has confirmed.
type Totals struct {
	// Records and Poison count good and undecodable entries.
	Records, Poison int64
	// MCP counts the records of MCP APIs among the good ones.
	MCP int64
	// Bytes are those of all entries.
	Bytes int64
	// Keys counts the entries of each list, good and undecodable.
	Keys map[string]int64
}

// Gateway pushes a generator's records to Redis the way Tyk Gateway does: in
// flushes, each a pipeline of RPUSH commands with one record each.
type Gateway struct {
	client    *redis.Client
	generator *Generator
	settings  GatewaySettings
	random    *rand.Rand
	poisoned  int64

	mu     sync.Mutex // guards totals
	totals Totals
}

// NewGateway makes a gateway with a Redis client of its own, which Close closes.
// The client never retries by itself: a flush of which the answer is lost may
// have been stored, and a second one would push its records twice.
func NewGateway(options redis.Options, generator *Generator, settings GatewaySettings) (*Gateway, error) {
	switch settings.Serializer {
	case "":
		settings.Serializer = Msgpack
	case Msgpack, Protobuf, Both:
	default:
		return nil, fmt.Errorf("serializer is %q: it must be msgpack, protobuf or both", settings.Serializer)
	}
	if settings.Expire != 0 && settings.Expire < time.Second {
		return nil, fmt.Errorf("time to live is %v: it must be 0 or at least 1s", settings.Expire)
	}
	if settings.Poison < 0 {
		return nil, fmt.Errorf("number of undecodable entries is %d: it must not be negative", settings.Poison)
	}
	options.MaxRetries = -1
	options.DisableIdentity = true
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return &Gateway{
		client:    redis.NewClient(&options),
		generator: generator,
		settings:  settings,
		random:    rand.New(rand.NewPCG(generator.settings.Seed, 0x676174)),
		totals:    Totals{Keys: map[string]int64{}},
	}, nil
}

// Close closes the Redis client.
func (g *Gateway) Close() error { return g.client.Close() }

// Totals are those of now; it may be called while records are pushed.
func (g *Gateway) Totals() Totals {
	g.mu.Lock()
	defer g.mu.Unlock()
	totals := g.totals
	totals.Keys = maps.Clone(totals.Keys)
	return totals
}

// expireKeys gives each msgpack key without a time to live one, once a second
// (contract: records and raw stores, section 1.3: never the protobuf keys).
func (g *Gateway) expireKeys(ctx context.Context) {
	if g.settings.Expire == 0 {
		return
	}
	names := []string{Key}
	for n := range suffixes {
		names = append(names, Key+"_"+strconv.Itoa(n))
	}
	ticker := time.NewTicker(expireInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		for _, name := range names {
			left, err := g.client.TTL(ctx, name).Result()
			if err != nil {
				break // Redis is away; the next tick tries again
			}
			if left == -1 {
				err = g.client.Expire(ctx, name, g.settings.Expire).Err()
			}
			if err != nil && !errors.Is(err, redis.Nil) {
				break
			}
		}
	}
}
