package tykmongoexporter

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.uber.org/zap"
)

// codeNamespaceExists says that somebody else made the collection meanwhile.
const codeNamespaceExists = 48

// lookAgain is after what time a collection is looked at again: one that was dropped or
// renamed meanwhile is another, without indexes and bound, and the database makes it
// with the next document.
const lookAgain = 10 * time.Second

// indexPatience is how long a write waits for indexes. Over a collection that holds
// much they take hours on DocumentDB and Cosmos DB, and go on in the background.
const indexPatience = 2 * time.Second

// preparation is what is known of one collection.
type preparation struct {
	mu       sync.Mutex // held while the collection is looked at; guards the fields below
	done     bool
	identity string        // which collection it was, empty where the database does not say
	looked   time.Time     // when
	indexing chan struct{} // closed when its indexes are made; nil before
}

// indexed tells whether no indexes are being made.
func (p *preparation) indexed() bool {
	select {
	case <-p.indexing:
		return true
	default:
		return p.indexing == nil
	}
}

// prepare makes a collection that is not there, with its indexes, when it is met and
// whenever it is found to be another. Its error asks for another attempt; what an
// operator has to settle is logged, and keeps no record from being stored.
func (s *mongoStore) prepare(ctx context.Context, to *connection, k *collectionKind, name string) error {
	s.mu.Lock()
	p := s.prepared[name]
	if p == nil {
		p = &preparation{}
		s.prepared[name] = p
	}
	s.mu.Unlock()

	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.indexed() || p.done && s.now().Sub(p.looked) < lookAgain {
		return nil
	}
	if !s.shapes(k) {
		p.done = true
		return nil
	}
	found, err := s.find(ctx, to, name)
	switch {
	case p.done && (err != nil || found.exists && found.identity == p.identity):
		p.looked = s.now() // a look that fails stops no write
		return nil
	case err == nil:
		err = s.make(ctx, to, k, name, p, found)
	}
	if err != nil {
		if !heedless(err) {
			return fmt.Errorf("prepare the collection %s: %w", name, err)
		}
		s.logger.Warn("cannot prepare a collection; records are stored all the same", zap.String("collection", name), zap.Error(err))
	}
	if !found.exists { // it has been made, and has an identity now
		if now, err := s.find(ctx, to, name); err == nil {
			found = now
		}
	}
	p.done, p.looked, p.identity = true, s.now(), found.identity
	return nil
}

// shapes tells whether collections of a kind are to be other than the database makes
// them by itself.
func (s *mongoStore) shapes(k *collectionKind) bool {
	return s.config.CollectionCapEnable && k.capped || !s.config.OmitIndexCreation
}

// heedless tells whether an error of making something will not heal by waiting, and
// does not concern records.
func heedless(err error) bool {
	return answered(err) && hasCode(err,
		13,  // Unauthorized
		59,  // CommandNotFound
		67,  // CannotCreateIndex
		68,  // IndexAlreadyExists
		72,  // InvalidOptions
		73,  // InvalidNamespace
		85,  // IndexOptionsConflict
		86,  // IndexKeySpecsConflict
		115, // CommandNotSupported
		166, // CommandNotSupportedOnView
		197, // InvalidIndexSpecificationOption
		238, // NotImplemented
	)
}

// make makes a collection as Tyk Pump would. On MongoDB one that holds something is
// left as it is: to build an index over its documents is an operator's decision. One
// that replaced the collection that was prepared holds but what was stored since. On
// DocumentDB and Cosmos DB the indexes are asked for at each start.
func (s *mongoStore) make(ctx context.Context, to *connection, k *collectionKind, name string, p *preparation, found existing) error {
	switch {
	case !s.config.CollectionCapEnable || !k.capped || found.capped:
	case !found.exists:
		err := to.database.CreateCollection(ctx, name, options.CreateCollection().SetCapped(true).SetSizeInBytes(s.config.CollectionCapMaxSizeBytes))
		if err != nil && !hasCode(err, codeNamespaceExists) {
			return err
		}
	case p.done:
		s.capAgain(ctx, to, name)
	default:
		s.logger.Warn("the collection exists and is not capped; it stays as it is. MongoDB's convertToCapped caps it",
			zap.String("collection", name))
	}
	if s.config.OmitIndexCreation {
		return nil
	}
	if s.config.DatabaseType == StandardMongo && found.exists && !p.done {
		empty, err := isEmpty(ctx, to, name)
		if err != nil || !empty {
			return err
		}
	}
	return s.index(ctx, to, k, name, p)
}

// capAgain caps a collection that replaced a capped one. It holds little yet.
func (s *mongoStore) capAgain(ctx context.Context, to *connection, name string) {
	err := to.database.RunCommand(ctx, bson.D{{Key: "convertToCapped", Value: name}, {Key: "size", Value: s.config.CollectionCapMaxSizeBytes}}).Err()
	if err != nil {
		s.logger.Warn("the collection was dropped or renamed, and the new one cannot be capped; records are stored all the same",
			zap.String("collection", name), zap.Error(err))
	}
}

// index makes the indexes of a collection, and waits for them, but not for long.
func (s *mongoStore) index(ctx context.Context, to *connection, k *collectionKind, name string, p *preparation) error {
	made, failed := make(chan struct{}), make(chan error, 1)
	p.indexing = made
	s.working.Go(func() {
		began := time.Now()
		err := s.makeIndexes(s.alive, to, k, name)
		close(made) // first, since the next write must not find them still being made
		failed <- err
		if took := time.Since(began); took > indexPatience && s.alive.Err() == nil {
			s.logger.Info("making the indexes that took long has ended", zap.String("collection", name), zap.Duration("took", took), zap.Error(err))
		}
	})
	timer := time.NewTimer(indexPatience)
	defer timer.Stop()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		s.logger.Info("indexes take long; records are stored meanwhile", zap.String("collection", name))
		return nil
	}
}

// existing is what the database says of a collection.
type existing struct {
	exists, capped bool
	identity       string
}

func (s *mongoStore) find(ctx context.Context, to *connection, name string) (existing, error) {
	specifications, err := to.database.ListCollectionSpecifications(ctx, bson.D{{Key: "name", Value: name}})
	if err != nil || len(specifications) == 0 {
		return existing{}, err
	}
	found := existing{exists: true}
	found.capped, _ = specifications[0].Options.Lookup("capped").BooleanOK()
	if uuid := specifications[0].UUID; uuid != nil {
		found.identity = string(uuid.Data)
	}
	return found, nil
}

// isEmpty finds collections that somebody made but did not get to index.
func isEmpty(ctx context.Context, to *connection, name string) (bool, error) {
	cursor, err := to.reading.Collection(name).Find(ctx, bson.D{},
		options.Find().SetLimit(1).SetProjection(bson.D{{Key: "_id", Value: 1}}))
	if err != nil {
		return false, err
	}
	empty := !cursor.Next(ctx)
	if err := cursor.Err(); err != nil {
		return false, err
	}
	return empty, cursor.Close(ctx)
}

// makeIndexes asks for all indexes at once, so that a crash leaves none out. Where
// the database does not take one of them, each is asked for alone.
func (s *mongoStore) makeIndexes(ctx context.Context, to *connection, k *collectionKind, name string) error {
	indexes := s.specifications(k)
	err := createIndexes(ctx, to, name, indexes)
	if err == nil || !heedless(err) || hasCode(err, 13) {
		return err
	}
	for _, one := range indexes {
		if err := createIndexes(ctx, to, name, bson.A{one}); err != nil {
			if !heedless(err) {
				return err
			}
			s.logger.Warn("cannot make an index; records are stored all the same", zap.String("collection", name), zap.Any("index", one), zap.Error(err))
		}
	}
	return nil
}

func createIndexes(ctx context.Context, to *connection, name string, indexes bson.A) error {
	return to.database.RunCommand(ctx, bson.D{{Key: "createIndexes", Value: name}, {Key: "indexes", Value: indexes}}).Err()
}

// specifications are the indexes of a kind as the database is asked for them.
func (s *mongoStore) specifications(k *collectionKind) bson.A {
	var list bson.A
	for _, i := range k.indexes {
		if i.expires && s.config.DatabaseType == CosmosDB {
			continue
		}
		specification := bson.D{{Key: "key", Value: i.keys}, {Key: "name", Value: i.name}}
		if s.config.DatabaseType == StandardMongo {
			specification = append(specification, bson.E{Key: "background", Value: true})
		}
		if i.expires {
			specification = append(specification, bson.E{Key: "expireAfterSeconds", Value: int32(0)})
		}
		list = append(list, specification)
	}
	return list
}
