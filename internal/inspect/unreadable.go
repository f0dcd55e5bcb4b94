package inspect

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Unread is a place that could not be looked at.
type Unread struct {
	Place
	// Error is why, with what can be done.
	Error string `json:"error"`

	err error
}

// Unreadable is all that could not be looked at.
type Unreadable []Unread

// unreadRemedies tell what to do about one list, where the others can be read.
var unreadRemedies = []struct{ sign, remedy string }{
	{"WRONGTYPE", "another program has written it: rename that key or delete it"},
	{"CLUSTERDOWN", "no node of the cluster serves it: is its master down?"},
	{"connection refused", "the node that has it does not answer: is it down?"},
	{"i/o timeout", "the node that has it does not answer: is it down?"},
	{"EOF", "the node that has it does not answer: is it down?"},
	{"context deadline exceeded", "the node that has it does not answer: is it down?"},
}

// add notes that a place could not be looked at. It returns an error where it is of no use to look at others.
func (all *Unreadable) add(ctx context.Context, r *Redis, p Place, err error) error {
	answered := redis.Error(nil)
	if ctx.Err() != nil || !r.Cluster && (!errors.As(err, &answered) || strings.Contains(err.Error(), "MOVED ")) {
		return err // Redis is gone as a whole, or is not what it was said to be
	}
	err = r.explainOne(err)
	*all = append(*all, Unread{p, err.Error(), err})
	return nil
}

// explainOne adds a remedy to what is wrong with one list.
func (r *Redis) explainOne(err error) error {
	for _, known := range unreadRemedies {
		if strings.Contains(err.Error(), known.sign) {
			return fmt.Errorf("%w: %s", err, known.remedy)
		}
	}
	return r.explain(err)
}

// Err says it once for all places with the same reason; nil where everything could be read.
func (all Unreadable) Err() error {
	var errs []error
	told := map[string]bool{}
	for _, u := range all {
		if told[u.reason()] {
			continue
		}
		told[u.reason()] = true
		var places []string
		for _, same := range all {
			if same.reason() == u.reason() {
				places = append(places, same.String())
			}
		}
		errs = append(errs, fmt.Errorf("cannot read %s: %w", strings.Join(places, ", "), u.err))
	}
	return errors.Join(errs...)
}

// reason is the error without the place, which messages name in their middle.
func (u Unread) reason() string { return strings.ReplaceAll(u.Error, u.Source, "") }

// Findings are for those who read the page and not the error.
func (all Unreadable) Findings() []Finding {
	e := &examiner{findings: []Finding{}}
	for _, u := range all {
		e.find(Trouble, "unreadable", u.Place, u.ReplayTo, "%s cannot be read, the rest of this page is without it: %s", u.Place, u.Error)
	}
	return e.findings
}
