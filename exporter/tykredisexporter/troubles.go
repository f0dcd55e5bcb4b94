package tykredisexporter

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
)

// troubles are the lists that take nothing, which pushes to other lists say nothing about. Without them the
// status would change with each push.
type troubles struct {
	// forget is after how long without another attempt nobody wants to push to a list any more.
	forget time.Duration

	mu    sync.Mutex // guards lists
	lists map[string]trouble
}

type trouble struct {
	why error
	at  time.Time
}

// isOfList tells whether an error is about one list, not about the server.
func isOfList(err error) bool {
	return errors.Is(err, claim.ErrListFull) || errors.Is(err, claim.ErrOwnSource)
}

// note takes what a push to a list has come to.
func (t *troubles) note(list string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		delete(t.lists, list)
		return
	}
	if t.lists == nil {
		t.lists = map[string]trouble{}
	}
	t.lists[list] = trouble{why: err, at: time.Now()}
}

// err says what is wrong with which lists, in the order of their names; nil where all is well.
func (t *troubles) err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.lists, func(_ string, one trouble) bool { return time.Since(one.at) > t.forget })
	var all []error
	for _, list := range slices.Sorted(maps.Keys(t.lists)) {
		all = append(all, t.lists[list].why)
	}
	return errors.Join(all...)
}
