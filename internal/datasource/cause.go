package datasource

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// lastFirst is an error of connecting that names the last cause first: the driver tries TLS before it
// tries without, so that its first cause is mostly that there is no TLS.
type lastFirst struct {
	error

	text string
}

// Error has the causes in one line.
func (e *lastFirst) Error() string { return e.text }

// Unwrap gives what the driver said.
func (e *lastFirst) Unwrap() error { return e.error }

// LastCauseFirst puts the causes of an error of connecting in the order in which people need them.
func LastCauseFirst(err error) error {
	failed, ok := errors.AsType[*pgconn.ConnectError](err)
	if !ok {
		return err
	}
	attempts, ok := failed.Unwrap().(interface{ Unwrap() []error })
	if !ok || len(attempts.Unwrap()) < 2 {
		return err
	}
	causes := attempts.Unwrap()
	last := causes[len(causes)-1].Error()
	var before []string
	for _, cause := range causes[:len(causes)-1] {
		if text := cause.Error(); text != last {
			before = append(before, text)
		}
	}
	text := last
	if len(before) > 0 {
		text += " (before: " + strings.Join(before, "; ") + ")"
	}
	return &lastFirst{error: err, text: text}
}
