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

// What groups refused records for people and metrics.
const (
	reasonForeign    sink.Reason = "foreign"    // not an analytics record
	reasonRange      sink.Reason = "range"      // a number that BSON does not hold
	reasonTooLarge   sink.Reason = "too_large"  // larger than a document may be
	reasonConstraint sink.Reason = "constraint" // a rule that the operator gave the collection
	reasonName       sink.Reason = "name"       // a field, or a collection, cannot be named so
	reasonOther      sink.Reason = "other"
)

// duplicateKey says that an equal key is there, by which the document is stored
// already, or which belongs to an index of the operator's.
const duplicateKey = 11000

// throttled is Cosmos DB's word that it is asked for too much.
const throttled = 16500

// invalidNamespace says that a collection cannot have its name.
const invalidNamespace = 73

// isDuplicate knows duplicateKey and its older codes.
func isDuplicate(code int) bool { return code == duplicateKey || code == 11001 || code == 12582 }

// isTooLarge knows the codes of a document that is larger than one may be, which no
// waiting heals.
func isTooLarge(code int) bool { return code == 10334 || code == 17419 || code == 17420 }

// transient are codes that speak of the server, whatever the documents: some of a
// push may be taken and others not while they last, so they are no evidence.
var transient = []int{
	6, 7, 89, 9001, // the network behind a router
	11600, 11602, 91, 189, 10058, 10107, 13435, 13436, 13388, 63, 150, 234, 133, 134, 211, // a change of primary, or of shards
	13, 18, // rights
	24, 46, 50, 112, 202, 251, 262, // locks, conflicts and time limits
	64, 74, 79, 100, // the write concern
	throttled, 14031, 146, 96, // too much asked for; disk, memory, or another failure of the server's own
}

// firm are codes with which a server speaks of a document's content: neighbours that
// are taken along with it are evidence enough at the first failure.
var firm = map[int]sink.Reason{
	121: reasonConstraint, 171: reasonConstraint, 16755: reasonConstraint, // validation, parallel arrays, geo keys
	17280: reasonTooLarge,                                                             // a key of an index
	52:    reasonName, 55: reasonName, 56: reasonName, 57: reasonName, 53: reasonName, // names of fields
	2: reasonOther, 9: reasonOther, 14: reasonOther, 22: reasonOther, // its form
}

// reasonOf names what a code says about a document.
func reasonOf(code int) sink.Reason {
	switch {
	case isTooLarge(code):
		return reasonTooLarge
	case code == invalidNamespace:
		return reasonName
	case firm[code] != "":
		return firm[code]
	}
	return reasonOther
}

// failureOf is one failure of a document that a server answered with a code.
func failureOf(place, item string, code int, beside bool) sink.Failure {
	f := sink.Failure{Place: place, Item: item, Fault: strconv.Itoa(code), Beside: beside}
	if firm[code] != "" && beside {
		f.Enough = 1
	}
	return f
}

// codeOf gives the code with which a server answered a whole command, or refused the
// first of its documents. It gives none where the failure says nothing about documents:
// it is one of the server's, or about how safely they are stored.
func codeOf(err error) (code int, ok bool) {
	if !answered(err) || hasCode(err, transient...) {
		return 0, false
	}
	if command, is := errors.AsType[mongo.CommandError](err); is {
		return int(command.Code), !command.HasErrorLabel("RetryableWriteError") && !command.HasErrorLabel("TransientTransactionError")
	}
	if failed, is := errors.AsType[mongo.WriteException](err); is && failed.WriteConcernError == nil && len(failed.WriteErrors) > 0 {
		return failed.WriteErrors[0].Code, true
	}
	return 0, false
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
