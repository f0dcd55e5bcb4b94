//go:build e2e || chaos

package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

const (
	table  = "tyk_analytics"
	ledger = "otelcol_tyk_ledger"
	// victims are the collectors' sessions.
	victims = "application_name = 'otelcol-tyk'"
)

// database is the PostgreSQL of a run.
type database struct {
	postgres *peers.Postgres
	dsn      string
	schemas  bool // along the search path
}

func newDatabase(ctx context.Context) (*database, error) {
	postgres, err := peers.NewPostgres(ctx, peers.PostgresConfig("synchronous_commit=on"))
	if err != nil {
		return nil, err
	}
	dsn, err := postgres.NewDatabase(ctx)
	if err != nil {
		postgres.Close()
		return nil, err
	}
	return &database{postgres: postgres, dsn: dsn}, nil
}

// exec runs statements one after the other in one session of its own, and tries
// again while the server is not there.
func (p *database) exec(ctx context.Context, statements ...string) error {
	return retry(ctx, statements[0], func(ctx context.Context) error {
		conn, err := pgx.Connect(ctx, p.dsn)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
		for _, statement := range statements {
			if _, err := conn.Exec(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
}

// query reads one column of integers, as exec does.
func (p *database) query(ctx context.Context, statement string) (values []int64, err error) {
	err = retry(ctx, statement, func(ctx context.Context) error {
		conn, err := pgx.Connect(ctx, p.dsn)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
		rows, err := conn.Query(ctx, statement)
		if err != nil {
			return err
		}
		values, err = pgx.CollectRows(rows, pgx.RowTo[int64])
		return err
	})
	return values, err
}

// deadlocks is how many PostgreSQL has seen since it last recovered from a crash.
func (p *database) deadlocks(ctx context.Context) (int64, error) {
	values, err := p.query(ctx, "select deadlocks from pg_stat_database where datname = current_database()")
	if err != nil || len(values) != 1 {
		return 0, fmt.Errorf("count deadlocks: %v: %w", values, err)
	}
	return values[0], nil
}

// prepareFaults gives the table triggers with which it can be made to fail, at
// once or when a transaction commits, and a rule that some records break.
func (p *database) prepareFaults(ctx context.Context) error {
	return p.exec(ctx,
		"alter table "+table+" add constraint chaos_forbidden check (alias not like '"+string(forbidden)+"%')",
		inserting(healthy),
		committing("null"),
		`create trigger chaos_inserting before insert on `+table+` for each statement execute function chaos_inserting()`,
		`create constraint trigger chaos_committing after insert on `+table+`
			deferrable initially deferred for each row execute function chaos_committing()`)
}

// healthy lets each delivery take some time, as with a server that is busy or far
// away, so that faults find deliveries under way.
const healthy = "perform pg_sleep(random() * 0.01)"

func inserting(what string) string { return trigger("chaos_inserting", what) }

func committing(what string) string { return trigger("chaos_committing", what) }

func trigger(name, what string) string {
	return `create or replace function ` + name + `() returns trigger language plpgsql as $$ begin ` + what + `; return null; end $$`
}

// failing raises an error of a class of which PostgreSQL has many.
func failing(state string) string {
	return `raise exception 'made by the harness' using errcode = '` + state + `'`
}

func (p *database) block(ctx context.Context) (func(), error) {
	conn, err := pgx.Connect(ctx, p.dsn)
	if err != nil {
		return nil, err
	}
	unblock := func() { _ = conn.Close(context.WithoutCancel(ctx)) }
	for _, statement := range []string{"begin", "lock table " + table + " in exclusive mode"} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			unblock()
			return nil, err
		}
	}
	return unblock, nil
}

func (p *database) count(ctx context.Context) (int64, error) {
	conn, err := pgx.Connect(ctx, p.dsn)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var n int64
	err = conn.QueryRow(ctx, countQuery).Scan(&n)
	return n, err
}

func (p *database) faults() []fault {
	faults := p.tableFaults()
	if p.schemas {
		faults = append(faults, fault{"PostgreSQL's tables moved to another schema", p.moveTables})
	}
	return append(faults, []fault{
		{"PostgreSQL stopped (fast)", func(ctx context.Context, d *dice) error {
			if err := p.checkDeadlocks(ctx); err != nil {
				return err
			}
			if err := p.postgres.Stop(ctx); err != nil {
				return err
			}
			time.Sleep(d.between(0, 6*time.Second))
			return p.postgres.Start(ctx)
		}},
		{"PostgreSQL stopped (immediate)", func(ctx context.Context, d *dice) error {
			if err := p.checkDeadlocks(ctx); err != nil {
				return err
			}
			p.postgres.Kill()
			time.Sleep(d.between(0, 4*time.Second))
			return p.postgres.Start(ctx)
		}},
		{"PostgreSQL crashed with a session (SIGKILL)", p.crash},
		{"PostgreSQL frozen (SIGSTOP)", p.freeze},
		{"PostgreSQL's sessions terminated", func(ctx context.Context, d *dice) error {
			return volley(d, func() error { return p.terminate(ctx) })
		}},
		{"PostgreSQL's statements cancelled", func(ctx context.Context, d *dice) error {
			return volley(d, func() error {
				return p.exec(ctx, "select pg_cancel_backend(pid) from pg_stat_activity where state <> 'idle' and "+victims)
			})
		}},
		{"PostgreSQL's commits done, but not confirmed", p.withholdCommits},
	}...)
}

// tableFaults are those that need no more than statements.
func (p *database) tableFaults() []fault {
	lock := func(name string) func(ctx context.Context, d *dice) error {
		return func(ctx context.Context, d *dice) error {
			held := d.between(500*time.Millisecond, 6*time.Second)
			return p.exec(ctx, "begin", "lock table "+name, fmt.Sprintf("select pg_sleep(%.3f)", held.Seconds()), "rollback")
		}
	}
	during := func(bad, good string) func(ctx context.Context, d *dice) error {
		return func(ctx context.Context, d *dice) error {
			if err := p.exec(ctx, bad); err != nil {
				return err
			}
			time.Sleep(d.between(500*time.Millisecond, 5*time.Second))
			return p.exec(ctx, good)
		}
	}
	return []fault{
		{"PostgreSQL's table locked", lock(table)},
		{"PostgreSQL's ledger locked", lock(ledger)},
		{"PostgreSQL slow", during(inserting("perform pg_sleep(random())"), inserting(healthy))},
		{"PostgreSQL's disk full", during(inserting(failing("53100")), inserting(healthy))},
		{"PostgreSQL read-only", during(inserting(failing("25006")), inserting(healthy))},
		{"PostgreSQL's transactions failing on commit", during(committing(failing("40001")), committing("null"))},
	}
}

// checkDeadlocks looks at the counter before a fault that may reset it.
func (p *database) checkDeadlocks(ctx context.Context) error {
	n, err := p.deadlocks(ctx)
	if err == nil && n > 0 {
		err = fmt.Errorf("PostgreSQL has seen %d deadlocks", n)
	}
	return err
}

func (p *database) terminate(ctx context.Context) error {
	return p.exec(ctx, "select pg_terminate_backend(pid) from pg_stat_activity where "+victims)
}

// withholdCommits lets transactions commit and then wait for a standby that does
// not exist, and ends their sessions meanwhile: what the collectors are told is
// nothing, and what is stored is everything.
func (p *database) withholdCommits(ctx context.Context, d *dice) error {
	if err := p.exec(ctx, "alter system set synchronous_standby_names = 'nobody'", "select pg_reload_conf()"); err != nil {
		return err
	}
	for range 1 + d.IntN(3) {
		time.Sleep(d.between(200*time.Millisecond, time.Second))
		if err := p.terminate(ctx); err != nil {
			return err
		}
	}
	return p.exec(ctx, "alter system reset synchronous_standby_names", "select pg_reload_conf()")
}

// crash kills one session, upon which the server ends all and recovers.
func (p *database) crash(ctx context.Context, d *dice) error {
	if err := p.checkDeadlocks(ctx); err != nil {
		return err
	}
	pids, err := p.query(ctx, "select pid::bigint from pg_stat_activity where "+victims)
	if err != nil || len(pids) == 0 { // no collector runs
		return err
	}
	if err := signal(oneOf(d, pids...), syscall.SIGKILL); err != nil {
		return err
	}
	time.Sleep(100 * time.Millisecond)
	return p.exec(ctx, "select 1")
}

// freeze stops the server and all its sessions for a while.
func (p *database) freeze(ctx context.Context, d *dice) error {
	pids, err := p.query(ctx, "select pid::bigint from pg_stat_activity where pid <> pg_backend_pid()")
	if err != nil {
		return err
	}
	pids = append([]int64{int64(p.postgres.PID())}, pids...) // the parent first, which would start others
	for _, pid := range pids {
		if err := signal(pid, syscall.SIGSTOP); err != nil {
			return err
		}
	}
	time.Sleep(d.between(500*time.Millisecond, 8*time.Second))
	for _, pid := range pids {
		if err := signal(pid, syscall.SIGCONT); err != nil {
			return err
		}
	}
	return nil
}

// signal tells a session something; one that has ended is not an error.
func signal(pid int64, s syscall.Signal) error {
	process, err := os.FindProcess(int(pid))
	if err != nil {
		return err
	}
	if err := process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal process %d: %w", pid, err)
	}
	return nil
}
