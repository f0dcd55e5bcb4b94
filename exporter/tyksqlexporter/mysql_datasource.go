package tyksqlexporter

import (
	"errors"
	"strings"

	"github.com/go-sql-driver/mysql"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"
	"go.uber.org/zap"
)

// errMySQLDatasource does not pass on what the parser says, which may hold the password.
var errMySQLDatasource = errors.New("datasource: the value (not shown, it may hold a password) is not a MySQL DSN such as " +
	`"tyk:password@tcp(localhost:3306)/tyk_analytics"; its tls is true, false, skip-verify or preferred, and files with certificates are set in mysql::tls`)

// mysqlTLS names files with certificates.
type mysqlTLS = configoptional.Optional[configtls.ClientConfig]

// validateMySQL refuses a datasource that could not work.
func validateMySQL(datasource string, tls mysqlTLS) error {
	_, err := parseMySQL(datasource, tls)
	return err
}

func parseMySQL(datasource string, tls mysqlTLS) (*mysql.Config, error) {
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
	if tls.HasValue() && parsed.TLSConfig != "" {
		return nil, errors.New("mysql::tls: is set, but tls is also set in the datasource: remove one of them")
	}
	if tls.HasValue() && tls.Get().Insecure {
		return nil, errors.New("mysql::tls::insecure: true asks for no TLS: remove mysql::tls, or insecure")
	}
	return parsed, nil
}

// mysqlConfig is the driver's configuration: what the datasource says, but for what
// rows depend on.
func mysqlConfig(set settings, tls mysqlTLS) (*mysql.Config, error) {
	parsed, err := parseMySQL(set.datasource, tls)
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
	parsed.Logger = mysqlLogger{set.logger}
	return parsed, nil
}

// mysqlLogger takes what the driver says of connections that broke. What matters of
// it comes back as an error too.
type mysqlLogger struct{ logger *zap.Logger }

// Print writes to the exporter's log.
func (l mysqlLogger) Print(v ...any) { l.logger.Sugar().Debug(v...) }
