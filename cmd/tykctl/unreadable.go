package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

// unread is a place that could not be looked at.
type unread struct {
	place
	// Error is why, with what can be done.
	Error string `json:"error"`

	err error
}

// unreadable is all that could not be looked at.
type unreadable []unread

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
func (all *unreadable) add(ctx context.Context, conn *connection, p place, err error) error {
	answered := redis.Error(nil)
	if ctx.Err() != nil || !conn.cluster && (!errors.As(err, &answered) || strings.Contains(err.Error(), "MOVED ")) {
		return err // Redis is gone as a whole, or is not what it was said to be
	}
	err = conn.explainOne(err)
	*all = append(*all, unread{p, err.Error(), err})
	return nil
}

// explainOne adds a remedy to what is wrong with one list.
func (c *connection) explainOne(err error) error {
	for _, r := range unreadRemedies {
		if strings.Contains(err.Error(), r.sign) {
			return fmt.Errorf("%w: %s", err, r.remedy)
		}
	}
	return c.explain(err)
}

// err says it once for all places with the same reason; nil where everything could be read.
func (all unreadable) err() error {
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
func (u unread) reason() string { return strings.ReplaceAll(u.Error, u.Source, "") }

// findings are for those who read the page and not the error.
func (all unreadable) findings() []finding {
	e := &examiner{findings: []finding{}}
	for _, u := range all {
		e.find(trouble, "unreadable", u.place, u.ReplayTo, "%s cannot be read, the rest of this page is without it: %s", u.place, u.Error)
	}
	return e.findings
}
