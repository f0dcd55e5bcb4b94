package sqlstore

import (
	"cmp"
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
	"github.com/otelcol-tyk/otelcol-tyk/internal/netaddr"
)

// Store reads the tables of one database.
type Store struct {
	config  Config
	dialect dialect
	db      *sql.DB
	place   string
	secrets []string
	places  chan struct{} // of statements under way
	waiting chan struct{} // of those that wait for a place
	cache   *cache
	keys    *keyRefs
	now     func() time.Time
	// smallTable is how many records may be read without an index.
	smallTable int64
	// fewRollups is how many of their rows a list reads at once.
	fewRollups int64

	mu      sync.Mutex // guards what follows
	asked   int64
	refused int64
	slowest []query.SlowStatement
	// away is why the store could not be reached; it is not tried again until retry.
	away  error
	retry time.Time
	pause time.Duration
}

var _ query.Store = (*Store)(nil)

// queueLength is how many questions wait for their turn. A page asks some ten at once.
const queueLength = 64

// Open makes a store that connects when it is first asked.
func Open(c Config) (*Store, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	s := &Store{
		config: c, places: make(chan struct{}, c.MaxQueries), waiting: make(chan struct{}, queueLength),
		cache: newCache(), now: time.Now, smallTable: smallTable, fewRollups: fewRollups,
	}
	switch c.Driver {
	case postgresDriver:
		s.dialect = postgresDialect{}
	case mysqlDriver:
		s.dialect = &mysqlDialect{}
	case sqliteDriver:
		s.dialect = sqliteDialect{}
	default:
		return nil, fmt.Errorf("driver: %s is not one of %q, %q, %q", netaddr.Shown(c.Driver), postgresDriver, mysqlDriver, sqliteDriver)
	}
	secret := []byte(c.LinkSecret)
	if len(secret) == 0 {
		var err error
		if secret, err = hkdf.Key(sha256.New, []byte(c.Datasource), nil, "otelcol-tyk console keys", sha256.Size); err != nil {
			return nil, fmt.Errorf("derive the secret of links: %w", err)
		}
	}
	s.keys = newKeyRefs(secret)
	var err error
	s.db, s.place, s.secrets, err = s.dialect.open(&c)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Close ends all connections.
func (s *Store) Close() error {
	s.cache.close()
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close the console's connections: %w", err)
	}
	return nil
}

// Stats says what was asked since the start.
func (s *Store) Stats() query.Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	hits, bytes := s.cache.stats()
	return query.Stats{
		MaxQueries: s.config.MaxQueries, StatementTimeout: s.config.StatementTimeout, ScanRows: s.config.ScanRows, SearchRows: s.config.SearchRows,
		Statements: s.asked, CacheHits: hits, CacheBytes: bytes, Refused: s.refused, Slowest: slices.Clone(s.slowest),
	}
}

// session is a read-only transaction in which statements run.
type session struct {
	store *Store
	conn  *sql.Conn
	// what was asked, for answers
	statements int
	rowsRead   int64
	took       time.Duration
}

// read runs do in a read-only transaction, when it is its turn.
func (s *Store) read(ctx context.Context, do func(*session) error) error {
	if err := s.reachable(); err != nil {
		return err
	}
	leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	err = s.transact(ctx, do)
	return s.note(ctx, err)
}

// enter waits for a place.
func (s *Store) enter(ctx context.Context) (func(), error) {
	leave := func() { <-s.places }
	select {
	case s.places <- struct{}{}:
		return leave, nil
	default:
	}
	busy := func() (func(), error) {
		s.mu.Lock()
		s.refused++
		s.mu.Unlock()
		return nil, &query.Error{Code: query.Busy, Text: "the console asks the store for much already", Remedy: "look again in some seconds"}
	}
	select {
	case s.waiting <- struct{}{}:
		defer func() { <-s.waiting }()
	default:
		return busy()
	}
	timer := time.NewTimer(s.config.StatementTimeout)
	defer timer.Stop()
	select {
	case s.places <- struct{}{}:
		return leave, nil
	case <-timer.C:
		return busy()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *Store) transact(ctx context.Context, do func(*session) error) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // gives it back
	for _, begin := range s.dialect.begin(s.config.StatementTimeout) {
		if _, err := conn.ExecContext(ctx, begin); err != nil {
			return err
		}
	}
	err = do(&session{store: s, conn: conn})
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if _, endErr := conn.ExecContext(end, "rollback"); endErr != nil {
		// A connection that cannot end its transaction is of no use to others.
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	}
	return err
}

// rows calls do for each row of a statement.
func (q *session) rows(ctx context.Context, st *statement, do func(*sql.Rows) error) error {
	s := q.store
	timeout := s.config.StatementTimeout
	if s.config.Driver != sqliteDriver {
		timeout += time.Second // for a server that does not keep the limit by itself
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, errStatement)
	defer cancel()
	text, began := st.sql(s.dialect), time.Now()
	n, err := q.each(ctx, text, st.args, do)
	if err != nil && errors.Is(context.Cause(ctx), errStatement) {
		err = errStatement
	}
	took := time.Since(began)
	q.statements++
	q.rowsRead += n
	q.took += took
	s.remember(text, took)
	return err
}

// errStatement is of a statement that took too long.
var errStatement = errors.New("the statement took too long")

func (q *session) each(ctx context.Context, text string, args []any, do func(*sql.Rows) error) (n int64, err error) {
	rows, err := q.conn.QueryContext(ctx, text, args...)
	if err != nil {
		return 0, err
	}
	defer func() { _ = rows.Close() }() // Err tells what matters
	for rows.Next() {
		n++
		if err := do(rows); err != nil {
			return n, err
		}
	}
	return n, rows.Err()
}

// row reads one row; sql.ErrNoRows where there is none.
func (q *session) row(ctx context.Context, st *statement, to ...any) error {
	found := false
	err := q.rows(ctx, st, func(rows *sql.Rows) error {
		if found {
			return nil
		}
		found = true
		return rows.Scan(to...)
	})
	if err == nil && !found {
		return sql.ErrNoRows
	}
	return err
}

// keptSlow is how many of the slowest statements are remembered.
const keptSlow = 20

func (s *Store) remember(text string, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if len(s.slowest) == keptSlow && took <= s.slowest[keptSlow-1].Took {
		return
	}
	const longest = 2000
	if len(text) > longest {
		text = text[:longest] + "..."
	}
	same := slices.IndexFunc(s.slowest, func(o query.SlowStatement) bool { return o.Text == text })
	switch {
	case same >= 0 && s.slowest[same].Took >= took:
		return
	case same >= 0:
		s.slowest = slices.Delete(s.slowest, same, same+1)
	}
	s.slowest = append(s.slowest, query.SlowStatement{Text: text, Took: took, TookMS: float64(took.Microseconds()) / 1000, At: s.now()})
	slices.SortFunc(s.slowest, func(a, b query.SlowStatement) int { return cmp.Compare(b.Took, a.Took) })
	s.slowest = s.slowest[:min(len(s.slowest), keptSlow)]
}

// reachable says why the store is away while it is too early to try again.
func (s *Store) reachable() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away != nil && s.now().Before(s.retry) {
		return s.away
	}
	return nil
}

// The first and the longest time until a store that was away is tried again.
const (
	firstPause   = time.Second
	longestPause = 30 * time.Second
)

// note gives an error for people, and remembers whether the store is there.
func (s *Store) note(ctx context.Context, err error) error {
	explained := s.explain(ctx, err)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case errors.Is(explained, query.ErrAway):
		s.pause = min(max(2*s.pause, firstPause), longestPause)
		s.away, s.retry = explained, s.now().Add(s.pause)
	case ctx.Err() == nil:
		s.away, s.pause = nil, 0
	}
	return explained
}

// explain says what kind of error it is, without secrets.
func (s *Store) explain(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if known, ok := errors.AsType[*query.Error](err); ok {
		return known
	}
	if ctx.Err() != nil {
		return context.Cause(ctx) // who asked has left
	}
	clean := s.scrub(err)
	code := s.dialect.classify(err)
	netErr := net.Error(nil)
	switch {
	case errors.Is(err, errStatement):
		code = query.Timeout
	case code == "" && (errors.Is(err, driver.ErrBadConn) || errors.As(err, &netErr) || errors.Is(err, sql.ErrConnDone)):
		code = query.Away
	}
	switch code {
	case query.Timeout:
		return &query.Error{Code: code, Text: fmt.Sprintf("it took longer than %s", s.config.StatementTimeout), Remedy: "choose a shorter time, or make the indexes that Settings lists"}
	case query.Away:
		return &query.Error{Code: code, Text: "the store at " + s.place + " cannot be reached", Err: clean}
	case query.Missing:
		return &query.Error{Code: code, Text: "a table, a column or a right is missing", Err: clean, Remedy: "grant select on the tables to the console's role, or enable the table in the exporter"}
	case query.Busy:
		return &query.Error{Code: code, Text: "the store is busy", Err: clean}
	}
	return fmt.Errorf("ask the store: %w", clean)
}

// scrubbed is an error without secrets.
type scrubbed string

func (e scrubbed) Error() string { return string(e) }

// scrub takes the datasource's secrets out of an error's text, and all that it wraps away.
func (s *Store) scrub(err error) error {
	message := err.Error()
	for _, secret := range append([]string{string(s.config.Datasource)}, s.secrets...) {
		if secret != "" && secret != s.place {
			message = strings.ReplaceAll(message, secret, "[hidden]")
		}
	}
	return scrubbed(message)
}
