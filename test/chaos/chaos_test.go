//go:build e2e || chaos

package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// trial runs one seed. The error tells of the harness; what it found about the
// collectors is in the outcome.
func trial(ctx context.Context, p plan, data, logs string) (*outcome, *world, error) {
	w, err := newWorld(ctx, p, data, logs)
	if err != nil {
		return nil, nil, err
	}
	steps := []struct {
		name string
		do   func(context.Context) error
	}{
		{"start", w.begin},
		{"load", func(ctx context.Context) error { return w.load(ctx, w.lanes()) }},
		{"drain", w.drain},
		{"remove the group that is away", w.removeAway},
		{"end", w.end},
	}
	took := map[string]time.Duration{}
	for _, step := range steps {
		began := time.Now()
		w.chronicle.note("%s", step.name)
		err := step.do(ctx)
		took[step.name] = time.Since(began)
		if err != nil {
			o := w.check(ctx)
			o.faulty = errors.Join(fmt.Errorf("%s: %w", step.name, err), o.faulty)
			return o, w, nil
		}
	}
	w.chronicle.note("check")
	o := w.check(ctx)
	o.drained = took["drain"]
	return o, w, nil
}

// runPlan is trial as a test.
func runPlan(t *testing.T, p plan) *outcome {
	t.Helper()
	t.Logf("seed %d: %s, %d records/s for %s", p.seed, p, p.rate, p.length)
	o, w, err := trial(t.Context(), p, t.TempDir(), t.ArtifactDir())
	require.NoError(t, err)
	t.Cleanup(w.close)
	if o.faulty != nil {
		t.Errorf("seed %d: %v", p.seed, o.faulty)
		w.diagnose(t)
		return o
	}
	// Only what happened is of interest where nothing failed.
	require.NoError(t, os.RemoveAll(t.ArtifactDir()))
	require.NoError(t, os.MkdirAll(t.ArtifactDir(), 0o750))
	require.NoError(t, os.WriteFile(filepath.Join(t.ArtifactDir(), "chronicle.txt"), []byte(w.chronicle.String()+"\n"), 0o600))
	return o
}

// diagnose shows what helps to find the cause of a failure.
func (w *world) diagnose(t *testing.T) {
	t.Helper()
	t.Logf("all logs are in %s, with -artifacts also after the test", w.logs)
	t.Logf("what happened:\n%s", w.chronicle)
	reports, err := w.books.inspect(context.WithoutCancel(t.Context()))
	t.Logf("what the books say (%v):", err)
	for _, report := range reports {
		t.Logf("%+v", report)
	}
	const lines = 40
	for _, c := range w.known {
		if c.began() {
			t.Log(c.tail(lines))
		}
	}
	t.Logf("PostgreSQL:\n%s", peers.LastLines(w.database.postgres.Output(), lines))
	if w.documents != nil {
		t.Logf("MongoDB:\n%s", peers.LastLines(w.documents.mongo.Output(), lines))
	}
}

// The client would print what it also returns as errors, in the midst of reports.
func init() { redis.SetLogger(silence{}) }

type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}
