package datasource

import (
	"context"
	"database/sql/driver"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const errPostgres = Mistake(`is not a PostgreSQL DSN such as "host=localhost dbname=tyk_analytics user=tyk" nor a URL such as "postgres://tyk@localhost/tyk_analytics"`)

// errPassword is of a URL that would be read as another host, user or database, whose name
// messages show.
const errPassword = Mistake("is a URL with an @ behind its host, or several: " +
	"write those of the password and others of its characters in percent form (@ %40, / %2F, ? %3F, # %23, : %3A)")

// Postgres reads a PostgreSQL DSN or URL. The application's name is used where it has none.
// The simple protocol is for poolers and proxies that know nothing else.
func Postgres(text, application string, simpleProtocol bool) (*pgxpool.Config, error) {
	if scheme, rest, isURL := strings.Cut(text, "://"); isURL && (scheme == "postgres" || scheme == "postgresql") {
		authority := rest
		if end := strings.IndexAny(rest, "/?#"); end >= 0 {
			authority = rest[:end]
		}
		if at := strings.Count(rest, "@"); at > 1 || at > strings.Count(authority, "@") {
			return nil, errPassword
		}
	}
	config, err := pgxpool.ParseConfig(text)
	if err != nil {
		return nil, errPostgres
	}
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = connectTimeout
	}
	// Statements without a name work behind poolers of transactions too.
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	if simpleProtocol {
		config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	}
	params := config.ConnConfig.RuntimeParams
	params["client_encoding"] = "UTF8" // what texts are sent in, whatever the database's own encoding
	if params["application_name"] == "" {
		params["application_name"] = application
	}
	return config, nil
}

// QuotePostgres writes a name, with those of what it is in before it.
func QuotePostgres(name ...string) string { return pgx.Identifier(name).Sanitize() }

// Clear is a connector of PostgreSQL whose errors name the last cause first.
type Clear struct{ driver.Connector }

// Connect opens a connection.
func (c Clear) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	return conn, LastCauseFirst(err)
}
