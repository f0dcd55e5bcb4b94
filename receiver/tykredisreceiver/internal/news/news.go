// Package news tells whoever starts a collector whether it works.
package news

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
	"github.com/otelcol-tyk/otelcol-tyk/internal/connection"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/health"
	"github.com/otelcol-tyk/otelcol-tyk/receiver/tykredisreceiver/internal/pace"
)

const (
	// silentFor is after how long without any record the operator is asked whether this is right.
	silentFor = time.Minute
	// seekRounds bounds a search for lists: some million keys of a database.
	seekRounds = 1000
	seekKeys   = 1000
	seekPause  = 5 * time.Millisecond
)

// Reporter says when pipelines took the first records, asks once why none come, and says what a
// process leaves.
type Reporter struct {
	// Redis is where the lists are, KeyPrefix and Group are the receiver's, and To names what is behind it.
	Redis                connection.Config
	KeyPrefix, Group, To string
	// Client, Logger and Health are the receiver's.
	Client redis.UniversalClient
	Logger *zap.Logger
	Health *health.Health
	// Stats are what was there at the last look.
	Stats func() []claim.Stat

	taken atomic.Int64
}

// Delivered notes that pipelines took records, and says so the first time. What filters kept back among them, and what
// exporters stored, only these know.
func (n *Reporter) Delivered(records int64) {
	if records > 0 && n.taken.Add(records) == records {
		n.Logger.Info("First records taken by the pipelines", zap.Int64("records", records), zap.String("pipelines_lead_to", n.To))
	}
}

// waiting counts what was there at the last look.
func (n *Reporter) waiting() (entries int64, ever bool) {
	for _, s := range n.Stats() {
		entries += s.Unclaimed + s.Claimed
		ever = ever || s != (claim.Stat{})
	}
	return entries, ever
}

// Ended says what a process leaves.
func (n *Reporter) Ended() {
	waiting, _ := n.waiting()
	n.Logger.Info("Stopped reading Redis", zap.Int64("taken_by_the_pipelines", n.taken.Load()), zap.Int64("waiting", waiting), zap.String("pipelines_lead_to", n.To))
}

// Run asks, once, why nothing comes.
func (n *Reporter) Run(ctx context.Context) {
	if !pace.Pause(ctx, silentFor) {
		return
	}
	if _, ever := n.waiting(); ever || n.Health.Away() {
		return
	}
	elsewhere, err := n.seek(ctx)
	if ctx.Err() != nil {
		return
	}
	fields := []zap.Field{
		zap.Strings("addresses", n.Redis.Addresses), zap.Int("database", n.Redis.Database), zap.String("key_prefix", n.KeyPrefix),
		zap.String("group", n.Group), zap.Strings("lists_elsewhere", elsewhere),
	}
	if err != nil {
		fields = append(fields, zap.NamedError("searched_in_part", err))
	}
	question := "is analytics enabled in the gateway (enable_analytics), is this its Redis (analytics_storage), database and key_prefix?"
	if len(elsewhere) > 0 {
		question = "gateways push to other lists of this Redis: set database and key_prefix so"
	}
	n.Logger.Warn("No records yet: "+question, fields...)
}

// seek finds lists that look like a gateway's in all databases of the server, named by database and prefix.
func (n *Reporter) seek(ctx context.Context) ([]string, error) {
	found, err := seekIn(ctx, n.Client, n.Redis.Database)
	if n.Redis.Cluster || err != nil {
		return found, err
	}
	keyspace, err := n.Client.Info(ctx, "keyspace").Result()
	if err != nil {
		return found, err
	}
	for line := range strings.Lines(keyspace) {
		var database int
		if _, err := fmt.Sscanf(line, "db%d:", &database); err != nil || database == n.Redis.Database {
			continue
		}
		other := n.Redis
		other.Database = database
		client, err := other.Client(ctx)
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
		pace.Pause(ctx, seekPause)
	}
	slices.Sort(found)
	return found, nil
}
