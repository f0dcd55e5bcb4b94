package tykmongoexporter

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// action is what to do about what the database says of a write. Whatever can heal,
// by itself or by an operator's hand, is tried again: waiting loses nothing, refusing
// would.
type action uint8

const (
	// actionRetry tries the same again later.
	actionRetry action = iota
	// actionStored: an equal key is there, by which the document is stored already, or
	// which belongs to an index of the operator's.
	actionStored
	// actionRefuse refuses the document.
	actionRefuse
)

// What groups refused records for people and metrics.
const (
	reasonForeign    sink.Reason = "foreign"    // not an analytics record
	reasonRange      sink.Reason = "range"      // a number that BSON does not hold
	reasonTooLarge   sink.Reason = "too_large"  // larger than a document may be
	reasonConstraint sink.Reason = "constraint" // a rule that the operator gave the collection
	reasonName       sink.Reason = "name"       // a field, or a collection, cannot be named so
	reasonOther      sink.Reason = "other"
)

// duplicateKey says that an equal key is there.
const duplicateKey = 11000

// throttled is Cosmos DB's word that it is asked for too much.
const throttled = 16500

// bsonObjectTooLarge and invalidBSON are what a server can have against documents
// before it looks at each of them.
const (
	bsonObjectTooLarge = 10334
	invalidBSON        = 22
)

// classify judges the code of an error that speaks of one write (a writeError) of
// MongoDB, DocumentDB or Cosmos DB. Only what speaks of a document itself is a refusal. A lost connection, a server that is not or no
// longer the primary, a conflict, throttling, missing rights, a full disk, and
// everything unknown is tried again.
func classify(code int) (action, sink.Reason) {
	switch code {
	case duplicateKey, 11001, 12582: // duplicate key
		return actionStored, ""
	case bsonObjectTooLarge, 17419, 17420, 17280: // the first, its older codes, and that of a key of an index
		return actionRefuse, reasonTooLarge
	case 121, // DocumentValidationFailure
		171,   // CannotIndexParallelArrays
		16755: // cannot extract geo keys
		return actionRefuse, reasonConstraint
	case 52, 55, 56, 57: // DollarPrefixedFieldName, InvalidDBRef, EmptyFieldName, DottedFieldName
		return actionRefuse, reasonName
	case 2, // BadValue
		9,  // FailedToParse
		14, // TypeMismatch
		invalidBSON,
		53: // InvalidIdField
		return actionRefuse, reasonOther
	}
	return actionRetry, ""
}

// refusesCommand tells whether a server refused a whole command for the documents in
// it. Any other code speaks of the command, and so of no document: BadValue,
// FailedToParse and TypeMismatch there are said of a write concern or an option that
// the server does not know, which an operator has to settle.
func refusesCommand(err error) (sink.Reason, bool) {
	command, ok := errors.AsType[mongo.CommandError](err)
	if !ok {
		return "", false
	}
	switch command.Code {
	case bsonObjectTooLarge:
		return reasonTooLarge, true
	case invalidBSON:
		return reasonOther, true
	}
	return "", false
}

// retryAfter finds Cosmos DB's wish in its message.
var retryAfter = regexp.MustCompile(`RetryAfterMs=(\d+)`)

// retryable gives an error that asks for another attempt, no earlier than the
// database wishes.
func retryable(err error) error {
	if !hasCode(err, throttled) {
		return err
	}
	found := retryAfter.FindStringSubmatch(err.Error())
	if found == nil {
		return err
	}
	const most = time.Minute // whatever it says
	wish, parseErr := strconv.Atoi(found[1])
	if parseErr != nil {
		return err
	}
	return exporterhelper.NewThrottleRetry(err, min(time.Duration(wish)*time.Millisecond, most))
}

// hasCode tells whether the server's answer holds one of the codes, also in a write
// error or a write concern error.
func hasCode(err error, codes ...int) bool {
	server, ok := errors.AsType[mongo.ServerError](err)
	return ok && slices.ContainsFunc(codes, server.HasErrorCode)
}

// answered tells whether the database itself answered: another write may fare better.
func answered(err error) bool {
	_, ok := errors.AsType[mongo.ServerError](err)
	return ok && !errors.Is(err, context.DeadlineExceeded) && !mongo.IsNetworkError(err)
}
