//go:build e2e || chaos

package chaos

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
)

// The memory of a PostgreSQL that stores the same deliveries as a store which is down and
// later refuses some records: both are ends of one pipeline. Hours pass by making the
// ledger's rows older.
const (
	retention = time.Hour
	besides   = "otlp_http/beside"
)

// TestAStoreRemembersWhatIsRedeliveredAndRefusesWhatItMayHaveForgotten keeps a destination
// down beyond the retention of the other one's ledger, and then replays dead letters late.
func TestAStoreRemembersWhatIsRedeliveredAndRefusesWhatItMayHaveForgotten(t *testing.T) {
	p := plan{
		seed: 3, topology: alone, replicas: 1, lists: 1, poison: 1 << 30, poll: 50 * time.Millisecond,
	}
	w, err := newWorld(t.Context(), p, t.TempDir(), t.ArtifactDir())
	require.NoError(t, err)
	t.Cleanup(w.close)
	t.Cleanup(func() {
		if t.Failed() {
			w.diagnose(t)
		}
	})
	w.refuser = newRefuser()
	w.refuser.turn(true, false)
	store := w.replicas[0]
	ofDatabase := store.config
	store.config = func() (object, error) { return w.beside(ofDatabase) }
	require.NoError(t, w.begin(t.Context()))
	gateway, err := newGateway(0, p, w.server, w.rdb, w.journal)
	require.NoError(t, err)
	push := func() {
		for range 3 {
			require.NoError(t, gateway.flush(t.Context(), 300))
		}
	}
	push()
	until(t, "records to be stored", func(ctx context.Context) error {
		n, err := w.database.count(ctx)
		if err == nil && n == 0 {
			err = errors.New("none is")
		}
		return err
	})
	for range 3 {
		require.NoError(t, w.database.age(t.Context(), retention*2/3))
		until(t, "the ledger to be told again what it knows", func(ctx context.Context) error {
			old, err := w.database.query(ctx, "select count(*) from "+ledger+" where applied_at < now() - interval '30 minutes'")
			if err == nil && old[0] > 0 {
				err = fmt.Errorf("%d of its rows are old", old[0])
			}
			return err
		})
	}
	w.refuser.turn(false, false)
	require.NoError(t, w.drain(t.Context()))
	w.requireEachOnce(t)
	refused := 0
	for n := range w.journal.byRecord() {
		if refusesRecord(w.refuser, n) {
			refused++
		}
	}
	letters := w.lettersOf(t, refused, "")
	require.NoError(t, w.database.age(t.Context(), 2*retention))
	until(t, "the ledger to forget", func(ctx context.Context) error {
		left, err := w.database.query(ctx, "select count(*) from "+ledger)
		if err == nil && left[0] > 0 {
			err = fmt.Errorf("%d rows are left", left[0])
		}
		return err
	})
	w.refuser.turn(false, true) // which is why somebody replays them
	for src, list := range letters {
		for i := range list {
			list[i].At = time.Now().Add(-2 * retention)
		}
		n, err := w.books.store.Replay(t.Context(), src, list)
		require.NoError(t, err)
		require.EqualValues(t, len(list), n)
	}
	push() // what others take shows that the fault is the letters'
	w.lettersOf(t, refused, "forgotten: ")
	require.NoError(t, w.drain(t.Context()))
	require.NoError(t, w.end(t.Context()))
	w.requireEachOnce(t)
}

// beside has the deliveries of PostgreSQL end in the other store, too.
func (w *world) beside(ofDatabase func() (object, error)) (object, error) {
	config, err := ofDatabase()
	if err != nil {
		return nil, err
	}
	to, err := w.refuser.exporter(func(addr string) (string, error) { return addr, nil })
	if err != nil {
		return nil, err
	}
	to.config["retry_on_failure"] = object{"enabled": false} // the receiver delivers again, to both
	exporters, ok := config["exporters"].(object)
	pipelines, all := config["service"].(object)["pipelines"].(object)
	if !ok || !all {
		return nil, errors.New("the configuration is not as it was")
	}
	exporters[besides] = to.config
	exporters["tyksql/"+groupPostgres].(object)["ledger"] = object{"retention": retention.String(), "prune_interval": "1s"}
	pipelines["logs/"+groupPostgres].(object)["exporters"] = []string{"tyksql/" + groupPostgres, besides}
	return config, nil
}

// age has so much time pass for the ledger.
func (p *database) age(ctx context.Context, by time.Duration) error {
	return p.exec(ctx, fmt.Sprintf("update %s set applied_at = applied_at - interval '%d seconds'", ledger, int(by.Seconds())))
}

// until waits for something to be so.
func until(t *testing.T, what string, holds func(context.Context) error) {
	t.Helper()
	require.NoError(t, retry(t.Context(), what, holds))
}

// requireEachOnce requires that PostgreSQL has each record once, and counts it once.
func (w *world) requireEachOnce(t *testing.T) {
	t.Helper()
	records, _ := w.journal.totals()
	found, err := w.database.tally(t.Context())
	require.NoError(t, err)
	assert.Len(t, found.times, records)
	for n, times := range found.times {
		if times != 1 {
			assert.Fail(t, "stored again", "record %d is there %d times", n, times)
		}
	}
	want := w.journal.rollups.as(w.database)
	require.Len(t, found.rollups, 1)
	assert.Equal(t, want, found.rollups[0].rollups)
}

// lettersOf waits until there are so many dead letters, whose reason says so, and gives
// them by source.
func (w *world) lettersOf(t *testing.T, want int, reason string) map[*claim.Source][]claim.Letter {
	t.Helper()
	var found map[*claim.Source][]claim.Letter
	until(t, "the dead letters", func(ctx context.Context) error {
		found = map[*claim.Source][]claim.Letter{}
		n, last := 0, ""
		for _, src := range w.books.sources {
			err := w.books.store.Letters(ctx, src, func(l claim.Letter) bool {
				last = l.Reason
				if strings.Contains(l.Reason, reason) {
					found[src] = append(found[src], l)
					n++
				}
				return true
			})
			if err != nil {
				return err
			}
		}
		if n != want {
			return fmt.Errorf("%d of %d are there, the last reason is %q", n, want, last)
		}
		return nil
	})
	return found
}
