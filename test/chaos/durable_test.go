//go:build e2e || chaos

package chaos

import (
	"context"
	"fmt"
	"time"
)

// The schemas of a search path, in its order: tables are made in the first one.
const (
	frontSchema = "front"
	backSchema  = "back"
)

// useSchemas has all that comes find its tables in two schemas.
func (p *database) useSchemas(ctx context.Context) error {
	if err := p.exec(ctx, "create schema "+frontSchema, "create schema "+backSchema); err != nil {
		return err
	}
	p.dsn += "&search_path=" + frontSchema + "," + backSchema
	p.schemas = true
	return nil
}

// moveTables has an operator move the tables, but not the ledger, to the other schema and
// back: what is stored must go on being known.
func (p *database) moveTables(ctx context.Context, d *dice) error {
	move := func(from, to string) error {
		return p.exec(ctx, "begin", fmt.Sprintf("alter table %s.%s set schema %s", from, table, to),
			fmt.Sprintf("alter table %s.tyk_aggregated set schema %s", from, to), "commit")
	}
	if err := move(frontSchema, backSchema); err != nil {
		return err
	}
	time.Sleep(d.between(500*time.Millisecond, 5*time.Second))
	return move(backSchema, frontSchema)
}

// standbyHangs has commits wait for a standby that does not answer, for longer than an
// exporter waits for one: what is only here would be gone with this server, so that
// nothing of it may be acknowledged, neither at once nor when it comes again.
func (w *world) standbyHangs() fault {
	const longerThanAnAttempt = 8 * time.Second // of exporters, see exporter
	g := w.group(groupPostgres)
	return fault{"PostgreSQL's standby hangs during commits", func(ctx context.Context, _ *dice) (err error) {
		if err := w.database.exec(ctx, "alter system set synchronous_standby_names = 'nobody'", "select pg_reload_conf()"); err != nil {
			return err
		}
		defer func() {
			if reset := w.database.exec(ctx, "alter system reset synchronous_standby_names", "select pg_reload_conf()"); err == nil {
				err = reset
			}
		}()
		if !w.commitsWait(ctx) {
			w.chronicle.note("no commit came that could wait for the standby")
			return nil
		}
		durable, err := w.database.count(ctx)
		if err != nil {
			return err
		}
		time.Sleep(longerThanAnAttempt)
		return retry(ctx, "read the receipts", func(ctx context.Context) error {
			delivered, err := w.delivered(ctx, g)
			if err != nil || delivered <= durable {
				return err
			}
			w.chronicle.violated(fmt.Errorf("group %s: %d records are acknowledged while the standby hangs, and at most %d have reached it", g.name, delivered, durable))
			return nil
		})
	}}
}

// commitsWait returns when a commit of a collector waits, unless none comes: the server's
// processes hear of a setting one after the other.
func (w *world) commitsWait(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		waiting, err := w.database.query(ctx, "select count(*) from pg_stat_activity where wait_event = 'SyncRep' and "+victims)
		if err == nil && len(waiting) == 1 && waiting[0] > 0 {
			return true
		}
		time.Sleep(20 * time.Millisecond)
	}
	return false
}
