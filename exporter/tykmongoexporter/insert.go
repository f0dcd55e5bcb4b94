package tykmongoexporter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// maxDocuments is how many documents one command inserts at most, which is what all
// of the databases take.
const maxDocuments = 100_000

// maxCommandBytes bounds the documents of one command with their keys, whatever the
// configuration: a command may be 16 KiB longer than a document, which is for the rest.
const maxCommandBytes = maxBSONBytes

// keyBytes is what an element of an array takes beside its value: its type, an index
// below maxDocuments and NUL.
const keyBytes = 7

// counts tell what became of documents.
type counts struct{ stored, already int64 }

// insertAll stores the documents of a part. Those that the database does not take are
// refused in the batch, and take no other with them. A document that is there already
// stays as it is.
func (s *mongoStore) insertAll(ctx context.Context, to *connection, b *batch, t *part) (counts, error) {
	var total counts
	insert := func(piece []int32) (int, error) {
		n, err := s.insert(ctx, to, b, t, piece)
		total.stored += n.stored
		total.already += n.already
		if n.stored+n.already > 0 {
			s.evidence.Accepted(t.name)
			s.evidence.Accepted(t.kind.key)
		}
		return sink.Unplaced, err
	}
	var errs []error
	for _, piece := range s.pieces(b, t.list) {
		_, err := insert(piece)
		if err == nil {
			s.evidence.Settled(t.name, b.item(piece))
			continue
		}
		err = s.failed(b, t, piece, err, insert)
		if err != nil && !answered(err) {
			return total, retryable(err)
		}
		errs = append(errs, err)
	}
	return total, retryable(errors.Join(errs...))
}

// failed deals with a command that failed as a whole: by its code where no waiting heals
// it, otherwise by how often that came and what was taken meanwhile.
func (s *mongoStore) failed(b *batch, t *part, piece []int32, err error, insert func([]int32) (int, error)) error {
	code, ok := codeOf(err)
	switch {
	case !ok:
		return err
	case isTooLarge(code):
		return isolate(b, piece, insert)
	}
	place := t.name
	if code == invalidNamespace { // whose neighbours are the collections of others
		place = t.kind.key
	}
	found := s.evidence.Failed(failureOf(place, b.item(piece), code, false))
	switch {
	case found == sink.Wait:
		return err
	case code == invalidNamespace && (found == sink.Suspect || !t.kind.perOrganisation):
		return err
	case code == invalidNamespace, found == sink.Blamed && len(piece) == 1:
		for _, i := range piece {
			b.refuse(b.documents[i].entry, reasonOf(code), err.Error())
		}
		return nil
	}
	return isolate(b, piece, insert) // one of them may be to blame, and nothing says which
}

// isolate stores a piece around the documents for which the command fails.
func isolate(b *batch, piece []int32, insert func([]int32) (int, error)) error {
	return sink.Isolator[int32]{
		Try: insert,
		Judge: func(err error) sink.Outcome {
			switch code, ok := codeOf(err); {
			case !ok:
				return sink.Later
			case isTooLarge(code):
				return sink.Refused
			}
			return sink.Unclear
		},
		Refuse: func(i int32, err error) {
			code, _ := codeOf(err)
			b.refuse(b.documents[i].entry, reasonOf(code), err.Error())
		},
	}.Store(piece)
}

// pieces cuts a list to what one command may hold, the last piece first.
func (s *mongoStore) pieces(b *batch, list []int32) [][]int32 {
	var pieces [][]int32
	from, size := 0, 0
	for at, i := range list {
		n := len(b.bytes(i))
		tooLong := size+n > s.config.MaxInsertBatchSizeBytes || size+n+(at-from+1)*keyBytes > maxCommandBytes
		if at > from && (tooLong || at-from == maxDocuments) {
			pieces = append(pieces, list[from:at])
			from, size = at, 0
		}
		size += n
	}
	if from < len(list) {
		pieces = append(pieces, list[from:])
	}
	for i, j := 0, len(pieces)-1; i < j; i, j = i+1, j-1 {
		pieces[i], pieces[j] = pieces[j], pieces[i]
	}
	return pieces
}

// insert stores some documents with one command.
func (s *mongoStore) insert(ctx context.Context, to *connection, b *batch, t *part, piece []int32) (counts, error) {
	buffer := commands.Get().(*[]byte) //nolint:forcetypeassert // the pool holds nothing else
	defer func() {
		if cap(*buffer) <= keptBytes {
			commands.Put(buffer)
		}
	}()
	*buffer = appendInsert((*buffer)[:0], t.name, to.concern, b, piece)
	err := to.database.RunCommand(ctx, bson.Raw(*buffer)).Err()
	if err == nil {
		return counts{stored: int64(len(piece))}, nil
	}
	failed, ok := errors.AsType[mongo.WriteException](err)
	if !ok {
		return counts{}, err
	}
	return s.settle(ctx, to, b, t, piece, failed)
}

// commands holds the memory of commands.
var commands = sync.Pool{New: func() any { return new([]byte) }}

// appendInsert appends the command that inserts a piece. The driver's own insert
// takes each document apart and copies it; this command is passed on as it is.
func appendInsert(dst []byte, collection string, concern []byte, b *batch, piece []int32) []byte {
	start, dst := bsoncore.AppendDocumentStart(dst)
	dst = bsoncore.AppendStringElement(dst, "insert", collection)
	dst = bsoncore.AppendBooleanElement(dst, "ordered", false)
	dst = bsoncore.AppendDocumentElement(dst, "writeConcern", concern)
	documents, dst := bsoncore.AppendArrayElementStart(dst, "documents")
	for at, i := range piece {
		dst = bsoncore.AppendDocumentElement(dst, decimal(at), b.bytes(i))
	}
	dst = end(dst, documents)
	return end(dst, start)
}

// settle deals with what the database says of single documents; all others are stored.
func (s *mongoStore) settle(ctx context.Context, to *connection, b *batch, t *part, piece []int32, failed mongo.WriteException) (counts, error) {
	n := counts{stored: int64(len(piece) - len(failed.WriteErrors))}
	var refused []mongo.WriteError
	var unclear []int32 // there is an equal key, of whatever index
	var retry error
	for _, e := range failed.WriteErrors {
		if e.Index < 0 || e.Index >= len(piece) {
			return n, fmt.Errorf("the database speaks of document %d of %d: %w", e.Index, len(piece), failed)
		}
		i := piece[e.Index]
		switch {
		case slices.Contains(transient, e.Code):
			retry = failed
		case !isDuplicate(e.Code):
			refused = append(refused, e)
		case duplicateOf(e) == indexOfID:
			n.already++
		case duplicateOf(e) == indexOfOthers:
			b.refuse(b.documents[i].entry, reasonConstraint, e.Message)
		default:
			unclear = append(unclear, i)
		}
	}
	beside := n.stored+n.already > 0
	for _, e := range refused {
		i := piece[e.Index]
		if !isTooLarge(e.Code) && s.evidence.Failed(failureOf(t.name, b.item(piece[e.Index:e.Index+1]), e.Code, beside)) != sink.Blamed {
			retry = failed
			continue
		}
		b.refuse(b.documents[i].entry, reasonOf(e.Code), e.Message)
	}
	if len(unclear) > 0 {
		found, err := s.lookUp(ctx, to, b, t, unclear)
		n.already += found
		retry = errors.Join(retry, err)
	}
	if retry == nil && failed.WriteConcernError != nil {
		retry = failed // stored, but not yet as safely as was asked for
	}
	return n, retry
}

// Which index has an equal key.
const (
	indexUnknown = iota
	indexOfID
	indexOfOthers
)

// duplicateOf reads which index has an equal key. MongoDB says so; others may not.
func duplicateOf(e mongo.WriteError) int {
	if pattern, ok := e.Raw.Lookup("keyPattern").DocumentOK(); ok {
		if _, err := pattern.LookupErr("_id"); err == nil {
			return indexOfID
		}
		return indexOfOthers
	}
	if _, index, ok := strings.Cut(e.Message, " index: "); ok {
		if strings.HasPrefix(index, "_id_ ") || strings.Contains(strings.SplitN(index, " ", 2)[0], "$_id_") {
			return indexOfID
		}
		return indexOfOthers
	}
	return indexUnknown
}

// lookUp tells how many of the documents are there by their _id. The others are
// refused: a unique index of the operator's does not take them. Where there is no such
// index, all are there.
func (s *mongoStore) lookUp(ctx context.Context, to *connection, b *batch, t *part, list []int32) (int64, error) {
	if indexes, err := to.database.Collection(t.name).Indexes().ListSpecifications(ctx); err == nil && !slices.ContainsFunc(indexes, ofOperator) {
		return int64(len(list)), nil
	}
	ids := make(bson.A, len(list))
	for at, i := range list {
		ids[at] = b.documents[i].id
	}
	// The primary said so, of what it has itself; what the insert met has been waited for
	// with the write concern all the same.
	primary := options.Collection().SetReadPreference(readpref.Primary()).SetReadConcern(readconcern.Local())
	collection := to.database.Collection(t.name, primary)
	cursor, err := collection.Find(ctx, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}},
		options.Find().SetProjection(bson.D{{Key: "_id", Value: 1}}))
	if err != nil {
		return 0, fmt.Errorf("look for stored documents: %w", err)
	}
	var found []struct {
		ID bson.ObjectID `bson:"_id"`
	}
	if err := cursor.All(ctx, &found); err != nil {
		return 0, fmt.Errorf("look for stored documents: %w", err)
	}
	stored := make(map[bson.ObjectID]bool, len(found))
	for _, f := range found {
		stored[f.ID] = true
	}
	var n int64
	for _, i := range list {
		if stored[b.documents[i].id] {
			n++
			continue
		}
		b.refuse(b.documents[i].entry, reasonConstraint, "a unique index of "+t.name+" has an equal key")
	}
	return n, nil
}

// ofOperator tells a unique index that is not that of _id: we make none.
func ofOperator(i mongo.IndexSpecification) bool {
	return i.Unique != nil && *i.Unique && i.Name != "_id_"
}
