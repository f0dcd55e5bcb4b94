package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/traffic"
)

// tableName is where the records go.
const tableName = "tyk_analytics"

// rig is the servers that all measurements share; each is started by the first that
// needs it.
type rig struct {
	binary   string
	memLimit string // the collector's GOMEMLIMIT
	gogc     string // the collector's GOGC
	profiles string // directory, empty for none
	dir      string
	run      string // names the measurement that is under way
	console  string // the address of the collector's console; empty where there is none
	viewers  int    // of the console
	redis    *peers.Redis
	postgres *postgres
	mariaDB  *mariaDB
	sqlite   *sqlite
	mongoDB  *mongoDB
}

func newRig(o options) (*rig, error) {
	if _, err := os.Stat(o.binary); err != nil {
		return nil, fmt.Errorf("no collector to measure: run make build: %w", err)
	}
	if o.profiles != "" {
		if err := os.MkdirAll(o.profiles, 0o755); err != nil { //nolint:gosec // profiles for everyone
			return nil, err
		}
	}
	dir, err := os.MkdirTemp("", "tykbench-")
	if err != nil {
		return nil, err
	}
	r := &rig{binary: o.binary, memLimit: o.memLimit, gogc: o.gogc, profiles: o.profiles, dir: dir}
	if r.redis, err = peers.NewRedis(context.Background()); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *rig) close() {
	if r.mongoDB != nil {
		r.mongoDB.close()
	}
	if r.mariaDB != nil {
		r.mariaDB.server.Close()
	}
	if r.postgres != nil {
		r.postgres.server.Close()
	}
	if r.redis != nil {
		r.redis.Close()
	}
	_ = os.RemoveAll(r.dir)
}

// opener gives a destination, whose server it starts where that has not been done.
type opener func(ctx context.Context, r *rig) (destination, error)

func toPostgres(ctx context.Context, r *rig) (destination, error) { return r.openPostgres(ctx) }

func (r *rig) openPostgres(ctx context.Context) (*postgres, error) {
	var err error
	if r.postgres == nil {
		r.postgres, err = newPostgres(ctx, r.dir)
	}
	return r.postgres, err
}

// freshPostgres is openPostgres with an empty database, beside an empty Redis.
func (r *rig) freshPostgres(ctx context.Context) (*postgres, error) {
	to, err := r.openPostgres(ctx)
	if err != nil {
		return nil, err
	}
	return to, r.fresh(ctx, to)
}

func toMariaDB(ctx context.Context, r *rig) (destination, error) {
	var err error
	if r.mariaDB == nil {
		r.mariaDB, err = newMariaDB(ctx, r.dir)
	}
	return r.mariaDB, err
}

func toSQLite(_ context.Context, r *rig) (destination, error) {
	if r.sqlite == nil {
		r.sqlite = &sqlite{dir: r.dir}
	}
	return r.sqlite, nil
}

func toMongoDB(ctx context.Context, r *rig) (destination, error) {
	var err error
	if r.mongoDB == nil {
		r.mongoDB, err = newMongoDB(ctx)
	}
	return r.mongoDB, err
}

func toNowhere(context.Context, *rig) (destination, error) { return nowhere{}, nil }

func toPage(context.Context, *rig) (destination, error) { return &page{}, nil }

// gateway pushes to the rig's Redis what the first destination gets, and adds up in
// want what the check of each must find.
func (r *rig) gateway(want []int64, to ...destination) (*traffic.Gateway, error) {
	options, err := r.redis.Options()
	if err != nil {
		return nil, err
	}
	chosen, serializer := to[0].traffic()
	generator, err := traffic.New(chosen)
	if err != nil {
		return nil, err
	}
	return traffic.NewGateway(*options, generator, traffic.GatewaySettings{Serializer: serializer, Observe: func(record *analytics.Record) {
		for i := range to {
			want[i] += to[i].counts(record)
		}
	}})
}

// fresh empties Redis and the destinations.
func (r *rig) fresh(ctx context.Context, to ...destination) error {
	if err := r.redis.Client().FlushAll(ctx).Err(); err != nil {
		return err
	}
	for _, one := range to {
		if err := one.fresh(ctx); err != nil {
			return err
		}
	}
	return nil
}

// await looks every interval until condition holds, at most for limit.
func await(ctx context.Context, interval, limit time.Duration, what string, condition func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		ok, err := condition()
		if err != nil || ok {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s did not come within %s", what, limit)
		case <-ticker.C:
		}
	}
}
