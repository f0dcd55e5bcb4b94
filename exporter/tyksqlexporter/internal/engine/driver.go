package engine

import (
	"context"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/push"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/rollups"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// Action is what to do about a failed write. Whatever can heal, by itself or by
// an operator's hand, is tried again: waiting loses nothing, refusing would.
type Action uint8

const (
	// ActionRetry tries the same again later: the database is not there, or is not well.
	ActionRetry Action = iota
	// ActionDoubt tries the same again later, and looks for a record at fault where it
	// fails again and again.
	ActionDoubt
	// ActionLocked tries the same again a little later: others hold a lock for longer
	// than this one may stand in the way of those who come after it.
	ActionLocked
	// ActionReconnect tries again later over new connections: those that exist
	// lead to a server that does not take writes any more.
	ActionReconnect
	// ActionInspect looks at the table again and tries again later: it is not as
	// it was. Otherwise it is like ActionDoubt.
	ActionInspect
	// ActionRefuse finds the record that the database does not take, and refuses
	// that one.
	ActionRefuse
)

// doubtful tells whether the cause may be a record or not.
func (a Action) doubtful() bool { return a == ActionDoubt || a == ActionInspect }

// Settings are what a database is opened with.
type Settings struct {
	Datasource   string
	MaxOpenConns int
	Indexes      bool // tables that hold many days get indexes when they are made
	Tables       []layout.Table
	Calendar     layout.Calendar
	Logger       *zap.Logger
}

// Driver is a database server behind a pool of connections, and what is known of
// its tables. Its methods may be called from several goroutines.
type Driver interface {
	// Find finds the shards' tables, or makes what is missing, and remembers them.
	Find(ctx context.Context, shards []layout.Shard) error
	// Knows tells whether a shard's table was found and not forgotten since.
	Knows(of layout.Shard) bool
	// Forget forgets a shard's table.
	Forget(of layout.Shard)
	// ForgetAll forgets all tables.
	ForgetAll()
	// Connect takes a connection from the pool.
	Connect(ctx context.Context) (Session, error)
	// Reconnect has all connections replaced that exist now.
	Reconnect()
	// Classify judges an error of the server.
	Classify(err error) (Action, sink.Reason)
	// ServerText is what the server says about a refused record, without what the
	// record holds.
	ServerText(err error) string
	// Isolating are the statements with which a transaction begins to look for records
	// that the database refuses: it is to say so at once, and not at the commit.
	Isolating() []string
	// Relations lists the tables whose names may end in a day, and tells the time.
	Relations(ctx context.Context) ([]string, time.Time, error)
	// Columns lists the columns of a table.
	Columns(ctx context.Context, relation string) ([]layout.FoundColumn, error)
	// Drop drops a table, unless others keep it from that for longer than a moment.
	Drop(ctx context.Context, relation string) error
	// Prune deletes ledger rows of a table that are older than age, at most limit, and
	// tells how many: those whose sink is the table, or begins with it and a slash.
	Prune(ctx context.Context, table string, age time.Duration, limit int) (int64, error)
	// Close ends all connections.
	Close() error
}

// Session is one connection. One goroutine uses it at a time.
type Session interface {
	// Begin opens a transaction that sees what others have committed until each of
	// its statements, and gives for each sink the ledger's rows that may hold records
	// of the segments.
	Begin(ctx context.Context, sinks []string, segments []push.Segment) ([][]push.Span, error)
	// Send writes a portion, wholly or not at all. Where the server refuses a record,
	// it gives the place in the list that the server names, or sink.Unplaced.
	Send(ctx context.Context, p Portion) (int, error)
	// Add adds rows of rollups to those of the same ids, or inserts them, wholly or not
	// at all.
	Add(ctx context.Context, p rollups.Portion) error
	// Touch writes rows of the ledger again, as of now.
	Touch(ctx context.Context, entries []push.LedgerEntry) error
	// Exec runs statements without a result.
	Exec(ctx context.Context, statements ...string) error
	// Record takes the locks with the keys until the end of the transaction, gives
	// for each entry the ledger's rows as begin does, and writes the entries' own.
	Record(ctx context.Context, keys []int64, entries []push.LedgerEntry, segments []push.Segment) ([][]push.Span, error)
	// Commit makes it so.
	Commit(ctx context.Context) error
	// Closed tells that the connection is lost.
	Closed() bool
	// Release gives the connection back, and rolls back what it has not committed.
	Release(ctx context.Context)
}

// MissingShards says that a write met tables of days that are not known yet.
type MissingShards struct{ Shards []layout.Shard }

func (e *MissingShards) Error() string {
	return "no table yet for " + e.Shards[0].Relation()
}

// FirstLine is what logs and errors show of a statement.
func FirstLine(statement string) string {
	line, _, _ := strings.Cut(statement, "\n")
	return strings.TrimSuffix(line, " (")
}

// Portion is what a batch has for one table.
type Portion struct {
	layout.Shard

	Part *push.Part
	List []int32 // the entries to be stored
}
