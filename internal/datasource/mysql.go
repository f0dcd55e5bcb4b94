package datasource

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"

	"github.com/go-sql-driver/mysql"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"
)

const errMySQL = Mistake(`is not a MySQL DSN such as "tyk:password@tcp(localhost:3306)/tyk_analytics"; its tls is true, false, skip-verify or preferred, and files with certificates are set in mysql::tls`)

// TLS names files with certificates.
type TLS = configoptional.Optional[configtls.ClientConfig]

// MySQL reads a DSN of MySQL's Go driver. Texts are sent in UTF-8 and times read as texts,
// whatever the DSN says.
func MySQL(text string, tls TLS) (*mysql.Config, error) {
	if strings.Contains(text, "://") {
		return nil, Mistake(`is a URL, but MySQL's driver wants a DSN such as "tyk:password@tcp(localhost:3306)/tyk_analytics"`)
	}
	parsed, err := mysql.ParseDSN(text)
	if err != nil {
		return nil, errMySQL
	}
	if parsed.DBName == "" {
		return nil, Mistake("names no database: append it to the slash, as in tcp(localhost:3306)/tyk_analytics")
	}
	if tls.HasValue() && parsed.TLSConfig != "" {
		return nil, errors.New("mysql::tls: is set, but tls is also set in the datasource: remove one of them")
	}
	if tls.HasValue() && tls.Get().Insecure {
		return nil, errors.New("mysql::tls::insecure: true asks for no TLS: remove mysql::tls, or insecure")
	}
	if err := parsed.Apply(mysql.Charset("utf8mb4", "")); err != nil {
		return nil, errMySQL
	}
	if parsed.Timeout == 0 {
		parsed.Timeout = connectTimeout
	}
	parsed.InterpolateParams = true // one round trip for a statement with values instead of three
	parsed.CheckConnLiveness = true
	parsed.ParseTime = false
	parsed.MaxAllowedPacket = 0 // the server's own
	return parsed, nil
}

// Prepare prepares a new connection by way of statements.
type Prepare func(exec func(statement string) error) error

// OpenMySQL makes a pool whose connections are prepared. It connects when it is first used.
// What the driver says of connections that broke is logged, and comes back as an error too.
func OpenMySQL(config *mysql.Config, tls TLS, log func(...any), prepare Prepare) (*sql.DB, error) {
	config.Logger = driverLogger(log)
	if tls.HasValue() {
		var err error
		if config.TLS, err = tls.Get().LoadTLSConfig(context.Background()); err != nil {
			return nil, fmt.Errorf("mysql::tls: %w", err)
		}
	}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, errMySQL
	}
	return sql.OpenDB(&preparing{Connector: connector, prepare: prepare}), nil
}

type driverLogger func(...any)

// Print writes a line.
func (l driverLogger) Print(v ...any) { l(v...) }

// QuoteMySQL writes a name.
func QuoteMySQL(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// preparing opens connections that are prepared.
type preparing struct {
	driver.Connector

	prepare Prepare
}

// Connect opens a connection.
func (c *preparing) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	execer, ok := conn.(driver.ExecerContext)
	if !ok {
		return nil, errors.Join(errors.New("the MySQL driver cannot execute statements"), conn.Close())
	}
	err = c.prepare(func(statement string) error {
		_, err := execer.ExecContext(ctx, statement, nil)
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("set up the session: %w", err), conn.Close())
	}
	return conn, nil
}
