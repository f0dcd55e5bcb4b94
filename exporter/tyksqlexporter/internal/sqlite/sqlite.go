package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/engine"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/layout"
	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/stdsql"
	"github.com/otelcol-tyk/otelcol-tyk/internal/datasource"
	"github.com/otelcol-tyk/otelcol-tyk/internal/netaddr"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// options are of each connection. Readers are never in the way (WAL); a commit is on disk
// when it returns.
var options = url.Values{"_pragma": {"busy_timeout(100)", "journal_mode(wal)", "synchronous(full)"}}

// server is an SQLite file behind one connection: SQLite has one writer at a
// time anyway.
type server struct {
	*stdsql.Server[*stdsql.Table]

	datasource string
}

// Validate refuses a datasource that is meant for another database.
func Validate(text string) error {
	if strings.Contains(text, ":memory:") || strings.Contains(text, "mode=memory") {
		return errors.New("datasource: a database in memory forgets all records when the collector ends, and they have left Redis by then: give the path of a file")
	}
	if strings.HasPrefix(text, "file:") && (strings.Contains(text, "mode=ro") || strings.Contains(text, "immutable=")) {
		return errors.New("datasource: mode=ro or immutable keeps the exporter from writing: leave it out")
	}
	if _, err := datasource.SQLite(text, options); err != nil {
		return err
	}
	if info, err := os.Stat(datasource.FileOf(text)); err == nil && info.IsDir() {
		return fmt.Errorf("datasource: %s is a directory: give the path of a file in it", netaddr.Shown(datasource.FileOf(text)))
	}
	return nil
}

// New opens the file when it is first used.
func New(set engine.Settings) (engine.Driver, error) {
	uri, err := datasource.SQLite(set.Datasource, options)
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", uri)
	if err != nil {
		return nil, fmt.Errorf("open the SQLite database: %w", err)
	}
	db.SetMaxOpenConns(1)
	db.SetMaxIdleConns(1)
	return &server{
		Server:     &stdsql.Server[*stdsql.Table]{DB: db, Dialect: dialect, Logger: zap.NewNop(), Catalog: catalog{set.Indexes}},
		datasource: set.Datasource,
	}, nil
}

func (*server) Reconnect() {} // a file stays where it is

func (*server) Classify(err error) (engine.Action, sink.Reason) { return classify(err) }

func (*server) ServerText(err error) string { return err.Error() }

// Find makes the file's directory and the tables where they are missing.
func (s *server) Find(ctx context.Context, shards []layout.Shard) error {
	if file := datasource.FileOf(s.datasource); file != "" && file != ":memory:" { // which only tests have
		const onlyOwnerAndGroup = 0o750
		if err := os.MkdirAll(filepath.Dir(file), onlyOwnerAndGroup); err != nil {
			return layout.Errorf("datasource: the directory of the SQLite file cannot be made: %v: make it, or give another path", err)
		}
		if err := makePrivate(file, s.datasource); err != nil {
			return layout.Errorf("datasource: the SQLite file cannot be made: %v: give another path, or rights", err)
		}
	}
	return s.Server.Find(ctx, shards)
}

// makePrivate makes the file for its owner only, where it is missing: it holds what requests held. SQLite
// gives its siblings the same rights.
func makePrivate(file, text string) error {
	if strings.Contains(text, "mode=") && strings.HasPrefix(text, "file:") {
		return nil // which says whether SQLite may make it
	}
	const onlyOwner = 0o600
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE|os.O_EXCL, onlyOwner)
	if errors.Is(err, os.ErrExist) {
		return nil // whose rights are somebody's decision
	}
	if err != nil {
		return err
	}
	return f.Close()
}

func (s *server) Connect(ctx context.Context) (engine.Session, error) {
	return stdsql.Connect(ctx, s.Server)
}
