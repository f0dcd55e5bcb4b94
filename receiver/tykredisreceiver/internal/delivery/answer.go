package delivery

import (
	"errors"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// answer is what the pipelines said to what was sent. Where several of them failed,
// it has a part of each; a pipeline that took everything has none.
type answer struct {
	err   error
	parts int
	// retry is true if some part may be taken another time.
	retry bool
	// named are records refused for good by pipelines that took all others.
	named []analytics.RefusedRecord
	// untaken is what other parts say that they did not take.
	untaken []plog.Logs
	// vague is true if some part does not say which records it is about.
	vague bool
	// joined is true where a part may be about one record, and others be taken.
	joined bool
}

// judge reads an answer. What is joined from several pipelines is for good only as far
// as each part of it is: the collector's own IsPermanent is true as soon as one part is
// permanent, and would give up what another pipeline still wants to retry.
func judge(err error) answer {
	a := answer{err: err}
	if err == nil {
		return a
	}
	a.read(err, nil)
	if a.parts == 0 { // joined from nothing
		a.retry, a.vague = true, true
	}
	return a
}

// read adds the parts of an error, however they were wrapped and joined. Untaken is
// what the error around it is about, if that is known.
func (a *answer) read(err error, untaken *plog.Logs) {
	for e := err; e != nil; e = errors.Unwrap(e) {
		switch e := e.(type) { //nolint:errorlint // takes the chain apart itself
		case consumererror.Logs:
			data := e.Data()
			untaken = &data
		case interface{ Unwrap() []error }:
			a.joined = true
			for _, part := range e.Unwrap() {
				a.read(part, untaken)
			}
			return
		}
	}
	a.parts++
	if named, ok := errors.AsType[*analytics.RefusedError](err); ok {
		a.named = append(a.named, named.Records...)
		return
	}
	if !consumererror.IsPermanent(err) {
		a.retry = true
	}
	if untaken == nil {
		a.vague = true
		return
	}
	a.untaken = append(a.untaken, *untaken)
}
