package tykredisreceiver

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
)

const (
	// silentFor is after how long without any record the operator is asked whether this is right.
	silentFor = time.Minute
	// seekRounds bounds a search for lists: some million keys of a database.
	seekRounds = 1000
	seekKeys   = 1000
)

// news tells whoever starts a collector whether it works.
type news struct {
	cfg       *Config
	logger    *zap.Logger
	health    *health
	client    redis.UniversalClient
	stats     *atomic.Pointer[[]claim.Stat]
	delivered atomic.Int64
}

// exporters are the names of what is behind the receiver, without what tells equal names apart.
func (cfg *Config) exporters() (names []string) {
	for part := range strings.SplitSeq(cfg.Destinations, ",") {
		name, _, _ := strings.Cut(part, "#")
		names = append(names, name)
	}
	return names
}

// destinations says them.
func (cfg *Config) destinations() string {
	if all := strings.Join(cfg.exporters(), ", "); all != "" {
		return all
	}
	return "what is behind the receiver"
}

// acknowledged notes that records are delivered, and says so the first time.
func (n *news) acknowledged(records int64) {
	if records > 0 && n.delivered.Add(records) == records {
		n.logger.Info("First records delivered", zap.Int64("records", records), zap.String("to", n.cfg.destinations()))
	}
}

// waiting counts what was there at the last look.
func (n *news) waiting() (entries int64, ever bool) {
	if all := n.stats.Load(); all != nil {
		for _, s := range *all {
			entries += s.Unclaimed + s.Claimed
			ever = ever || s != (claim.Stat{})
		}
	}
	return entries, ever
}

// ended says what a process leaves.
func (n *news) ended() {
	waiting, _ := n.waiting()
	n.logger.Info("Stopped reading Redis", zap.Int64("delivered", n.delivered.Load()), zap.Int64("waiting", waiting), zap.String("to", n.cfg.destinations()))
}

// run asks, once, why nothing comes.
func (n *news) run(ctx context.Context) {
	pause(ctx, silentFor)
	if _, ever := n.waiting(); ever || ctx.Err() != nil || n.health.away() {
		return
	}
	elsewhere, err := n.seek(ctx)
	if ctx.Err() != nil {
		return
	}
	fields := []zap.Field{
		zap.Strings("addresses", n.cfg.Addresses), zap.Int("database", n.cfg.Database), zap.String("key_prefix", n.cfg.KeyPrefix),
		zap.String("group", n.cfg.Group), zap.Strings("lists_elsewhere", elsewhere),
	}
	if err != nil {
		fields = append(fields, zap.NamedError("searched_in_part", err))
	}
	question := "is analytics enabled in the gateway (enable_analytics), is this its Redis (analytics_storage), database and key_prefix?"
	if len(elsewhere) > 0 {
		question = "gateways push to other lists of this Redis: set database and key_prefix so"
	}
	n.logger.Warn("No records yet: "+question, fields...)
}

// seek finds lists that look like a gateway's in all databases of the server, named by database and prefix.
func (n *news) seek(ctx context.Context) ([]string, error) {
	found, err := seekIn(ctx, n.client, n.cfg.Database)
	if n.cfg.Cluster || err != nil {
		return found, err
	}
	keyspace, err := n.client.Info(ctx, "keyspace").Result()
	if err != nil {
		return found, err
	}
	for line := range strings.Lines(keyspace) {
		var database int
		if _, err := fmt.Sscanf(line, "db%d:", &database); err != nil || database == n.cfg.Database {
			continue
		}
		other := *n.cfg
		other.Database = database
		client, err := newClient(ctx, &other)
		if err != nil {
			return found, err
		}
		more, err := seekIn(ctx, client, database)
		found = append(found, more...)
		if closing := client.Close(); err == nil {
			err = closing
		}
		if err != nil {
			return found, err
		}
	}
	return found, nil
}

func seekIn(ctx context.Context, client redis.UniversalClient, database int) ([]string, error) {
	var found []string
	var cursor uint64
	for range seekRounds {
		keys, next, err := client.Scan(ctx, cursor, "*"+analytics.ListName+"*", seekKeys).Result()
		if err != nil {
			return found, err
		}
		for _, key := range keys {
			prefix, _, _ := strings.Cut(key, analytics.ListName)
			text := fmt.Sprintf("database %d, key_prefix %s", database, prefix)
			if !strings.Contains(prefix, "{") && !slices.Contains(found, text) { // braces are in keys of receivers
				found = append(found, text)
			}
		}
		if cursor = next; cursor == 0 {
			break
		}
		pause(ctx, findPause)
	}
	slices.Sort(found)
	return found, nil
}
