package tykmongoexporter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/event"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// mongoStore is a database of MongoDB's protocol.
type mongoStore struct {
	config    *Config
	kinds     []*collectionKind
	logger    *zap.Logger
	telemetry *telemetry
	monitor   *event.CommandMonitor // may be nil; sees every command
	known     known
	evidence  sink.Evidence
	aging     aging
	now       func() time.Time
	working   sync.WaitGroup // what goes on in the background
	stop      context.CancelFunc
	alive     context.Context // ends with stop

	mu         sync.Mutex // guards the fields below
	connection *connection
	prepared   map[string]*preparation
}

func newStore(config *Config, kinds []*collectionKind, logger *zap.Logger, telemetry *telemetry) *mongoStore {
	s := &mongoStore{config: config, kinds: kinds, logger: logger, telemetry: telemetry, prepared: map[string]*preparation{}, now: time.Now}
	s.alive, s.stop = context.WithCancel(context.Background())
	return s
}

// connect gives the connection, which is made where there is none.
func (s *mongoStore) connect(ctx context.Context) (*connection, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.connection == nil {
		made, err := newConnection(ctx, s.config, s.monitor)
		if err != nil {
			return nil, err
		}
		s.connection = made
	}
	return s.connection, nil
}

func (s *mongoStore) open(ctx context.Context) error {
	to, err := s.connect(ctx)
	if err != nil {
		return err
	}
	if err := to.client.Ping(ctx, nil); err != nil {
		return err
	}
	for _, k := range s.kinds {
		if k.perOrganisation {
			continue
		}
		if err := s.prepare(ctx, to, k, k.setting(&s.config.Collections).Name); err != nil {
			return err
		}
	}
	return nil
}

func (s *mongoStore) write(ctx context.Context, b *batch) error {
	to, err := s.connect(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for i := range b.parts {
		t := &b.parts[i]
		if len(t.list) == 0 {
			continue
		}
		err := s.prepare(ctx, to, t.kind, t.name)
		if err == nil {
			var n counts
			n, err = s.insertAll(ctx, to, b, t)
			s.telemetry.stored(ctx, t.kind, n)
		}
		if err == nil {
			continue
		}
		errs = append(errs, fmt.Errorf("%s: %w", t.name, err))
		if !answered(err) { // nor would it answer for the others
			return errors.Join(errs...)
		}
	}
	for _, p := range b.shares(s.kinds, s.config) {
		err := s.prepare(ctx, to, p.key.kind, p.key.collection)
		if err == nil {
			var n counts
			n, err = s.count(ctx, to, b, p)
			s.telemetry.stored(ctx, p.key.kind, n)
		}
		if err == nil {
			continue
		}
		errs = append(errs, fmt.Errorf("%s: %w", p.key.collection, err))
		if !answered(err) && !errors.Is(err, errContended) {
			break
		}
	}
	return errors.Join(errs...)
}

// begin starts what goes on in the background.
func (s *mongoStore) begin() {
	if s.config.Retention > 0 && slices.ContainsFunc(s.kinds, func(k *collectionKind) bool { return k.form == formAggregate }) {
		s.working.Go(func() { s.keepForgetting(s.alive) })
	}
}

func (s *mongoStore) close(ctx context.Context) error {
	s.stop()
	s.working.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.connection == nil {
		return nil
	}
	return s.connection.close(ctx)
}
