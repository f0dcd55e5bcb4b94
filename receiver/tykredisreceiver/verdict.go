package tykredisreceiver

import (
	"errors"

	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// verdict is what the answer of the pipelines to a delivery means for it.
type verdict int

const (
	// accepted: every pipeline has it.
	accepted verdict = iota
	// acceptedBut: every pipeline has it, except for records that were named as
	// refused for good.
	acceptedBut
	// rejected: some pipeline refused it for good without saying which record is to blame.
	rejected
	// unanswered: some pipeline may take it another time.
	unanswered
)

// judge decides on an answer. An answer joined from several pipelines is for
// good only if each part of it is: the collector's own IsPermanent is true as
// soon as one part is permanent, and would give up what another pipeline still
// wants to retry.
func judge(err error) (verdict, []analytics.RefusedRecord) {
	if err == nil {
		return accepted, nil
	}
	var refused []analytics.RefusedRecord
	result := acceptedBut
	for _, leaf := range leaves(err) {
		named, ok := errors.AsType[*analytics.RefusedError](leaf)
		switch {
		case ok:
			refused = append(refused, named.Records...)
		case consumererror.IsPermanent(leaf):
			result = rejected
		default:
			return unanswered, nil
		}
	}
	return result, refused
}

// leaves takes joined errors apart, however they were wrapped.
func leaves(err error) []error {
	for e := err; e != nil; e = errors.Unwrap(e) {
		joined, ok := e.(interface{ Unwrap() []error })
		if !ok {
			continue
		}
		var all []error
		for _, part := range joined.Unwrap() {
			all = append(all, leaves(part)...)
		}
		return all
	}
	return []error{err}
}
