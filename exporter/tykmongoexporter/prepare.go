package tykmongoexporter

import (
	"context"
	"fmt"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.uber.org/zap"
)

// codeNamespaceExists says that somebody else made the collection meanwhile.
const codeNamespaceExists = 48

// preparation is what is known of one collection.
type preparation struct {
	mu   sync.Mutex // held while the collection is looked at
	done bool       // guarded by mu
}

// prepare makes a collection that is not there, with its indexes, the first time that
// it is met. Its error asks for another attempt; what an operator has to settle is
// logged, and keeps no record from being stored.
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
	if p.done {
		return nil
	}
	if err := s.make(ctx, to, k, name); err != nil {
		if !heedless(err) {
			return fmt.Errorf("prepare the collection %s: %w", name, err)
		}
		s.logger.Warn("cannot prepare a collection; records are stored all the same", zap.String("collection", name), zap.Error(err))
	}
	p.done = true
	return nil
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
// left as it is: to build an index over its documents is an operator's decision. On
// DocumentDB and Cosmos DB the indexes are asked for at each start.
func (s *mongoStore) make(ctx context.Context, to *connection, k *collectionKind, name string) error {
	capped := s.config.CollectionCapEnable && k.capped
	indexed := !s.config.OmitIndexCreation
	if !capped && !indexed {
		return nil
	}
	found, err := s.find(ctx, to, name)
	if err != nil {
		return err
	}
	switch {
	case capped && !found.exists:
		err := to.database.CreateCollection(ctx, name, options.CreateCollection().SetCapped(true).SetSizeInBytes(s.config.CollectionCapMaxSizeBytes))
		if err != nil && !hasCode(err, codeNamespaceExists) {
			return err
		}
	case capped && !found.capped:
		s.logger.Warn("the collection exists and is not capped; it stays as it is. MongoDB's convertToCapped caps it",
			zap.String("collection", name))
	}
	if !indexed {
		return nil
	}
	if s.config.DatabaseType == StandardMongo && found.exists {
		empty, err := isEmpty(ctx, to, name)
		if err != nil || !empty {
			return err
		}
	}
	return s.makeIndexes(ctx, to, k, name)
}

// existing is what the database says of a collection.
type existing struct{ exists, capped bool }

func (s *mongoStore) find(ctx context.Context, to *connection, name string) (existing, error) {
	specifications, err := to.database.ListCollectionSpecifications(ctx, bson.D{{Key: "name", Value: name}})
	if err != nil || len(specifications) == 0 {
		return existing{}, err
	}
	capped, _ := specifications[0].Options.Lookup("capped").BooleanOK()
	return existing{exists: true, capped: capped}, nil
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
