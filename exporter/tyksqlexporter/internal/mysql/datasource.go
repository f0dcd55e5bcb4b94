package mysql

import (
	"errors"
	"strings"

	"github.com/go-sql-driver/mysql"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"
	"go.uber.org/zap"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/engine"
)

// errDatasource does not pass on what the parser says, which may hold the password.
var errDatasource = errors.New("datasource: the value (not shown, it may hold a password) is not a MySQL DSN such as " +
	`"tyk:password@tcp(localhost:3306)/tyk_analytics"; its tls is true, false, skip-verify or preferred, and files with certificates are set in mysql::tls`)

// TLS names files with certificates.
type TLS = configoptional.Optional[configtls.ClientConfig]

// Validate refuses a datasource that could not work.
func Validate(datasource string, tls TLS) error {
	_, err := parse(datasource, tls)
	return err
}

func parse(datasource string, tls TLS) (*mysql.Config, error) {
	if strings.Contains(datasource, "://") {
		return nil, errors.New(`datasource: the value (not shown, it may hold a password) is a URL, but MySQL's driver wants a DSN such as "tyk:password@tcp(localhost:3306)/tyk_analytics"`)
	}
	parsed, err := mysql.ParseDSN(datasource)
	if err != nil {
		return nil, errDatasource
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

// driverConfig is the driver's configuration: what the datasource says, but for what
// rows depend on.
func driverConfig(set engine.Settings, tls TLS) (*mysql.Config, error) {
	parsed, err := parse(set.Datasource, tls)
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
	parsed.Logger = driverLogger{set.Logger}
	return parsed, nil
}

// driverLogger takes what the driver says of connections that broke. What matters of
// it comes back as an error too.
type driverLogger struct{ logger *zap.Logger }

// Print writes to the exporter's log.
func (l driverLogger) Print(v ...any) { l.logger.Sugar().Debug(v...) }
