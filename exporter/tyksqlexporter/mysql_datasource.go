package tyksqlexporter

import (
	"errors"
	"strings"

	"github.com/go-sql-driver/mysql"
	"go.uber.org/zap"
)

// errMySQLDatasource does not pass on what the parser says, which may hold the password.
var errMySQLDatasource = errors.New("datasource: the value (not shown, it may hold a password) is not a MySQL DSN such as " +
	`"tyk:password@tcp(localhost:3306)/tyk_analytics"; its tls is true, false, skip-verify or preferred, and files with certificates are set in mysql::tls`)

// parseMySQL reads the datasource, and refuses what could not work.
func (c *Config) parseMySQL() (*mysql.Config, error) {
	datasource := string(c.Datasource)
	if strings.Contains(datasource, "://") {
		return nil, errors.New(`datasource: the value (not shown, it may hold a password) is a URL, but MySQL's driver wants a DSN such as "tyk:password@tcp(localhost:3306)/tyk_analytics"`)
	}
	parsed, err := mysql.ParseDSN(datasource)
	if err != nil {
		return nil, errMySQLDatasource
	}
	if parsed.DBName == "" {
		return nil, errors.New("datasource: the value (not shown, it may hold a password) names no database: append it to the slash, as in tcp(localhost:3306)/tyk_analytics")
	}
	if c.MySQL.TLS.HasValue() && parsed.TLSConfig != "" {
		return nil, errors.New("mysql::tls: is set, but tls is also set in the datasource: remove one of them")
	}
	if c.MySQL.TLS.HasValue() && c.MySQL.TLS.Get().Insecure {
		return nil, errors.New("mysql::tls::insecure: true asks for no TLS: remove mysql::tls, or insecure")
	}
	return parsed, nil
}

// mysqlConfig is the driver's configuration: what the datasource says, but for what
// rows depend on.
func (c *Config) mysqlConfig(logger *zap.Logger) (*mysql.Config, error) {
	parsed, err := c.parseMySQL()
	if err != nil {
		return nil, err
	}
	if err := parsed.Apply(mysql.Charset("utf8mb4", "")); err != nil { // what rows are encoded in
		return nil, err
	}
	parsed.InterpolateParams = true // one round trip for a statement with values instead of three
	parsed.CheckConnLiveness = true
	parsed.ParseTime = false
	parsed.MaxAllowedPacket = 0 // the server's own
	parsed.Logger = mysqlLogger{logger}
	return parsed, nil
}

// mysqlLogger takes what the driver says of connections that broke. What matters of
// it comes back as an error too.
type mysqlLogger struct{ logger *zap.Logger }

// Print writes to the exporter's log.
func (l mysqlLogger) Print(v ...any) { l.logger.Sugar().Debug(v...) }
