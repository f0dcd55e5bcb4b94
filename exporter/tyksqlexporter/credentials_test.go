package tyksqlexporter

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-tyk/otelcol-tyk/exporter/tyksqlexporter/internal/metadata"
	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// secret is the password of tests. Nothing may show it.
const secret = "dont-show-me"

// The modes of TLS, certificates and passwords are those of libpq. Whatever is wrong
// with them is waited for, and told without the password.
func TestPostgresTLSAndPasswords(t *testing.T) {
	t.Parallel()
	server := peers.StartPostgres(t, peers.PostgresTLS())
	certs := server.Certificates()
	others, err := peers.NewCertificates(t.TempDir(), "client")
	require.NoError(t, err)
	postgresTarget(server)(t).exec(t, "create role tyk login password '"+secret+"'; create role client login")

	verified := " sslmode=verify-full sslrootcert=" + certs.CAFile
	for name, test := range map[string]struct {
		credentials string
		want        string // of the error; empty where records are stored
	}{
		"encrypted":                       {"user=tyk password=" + secret + " sslmode=require", ""},
		"encrypted where possible":        {"user=tyk password=" + secret + " sslmode=prefer", ""},
		"the authority verified":          {"user=tyk password=" + secret + " sslmode=verify-ca sslrootcert=" + certs.CAFile, ""},
		"authority and name verified":     {"user=tyk password=" + secret + verified, ""},
		"a client's certificate":          {"user=client" + verified + " sslcert=" + certs.ClientCertFile + " sslkey=" + certs.ClientKeyFile, ""},
		"a wrong password":                {"user=tyk password=not-" + secret + verified, "password authentication failed"},
		"not encrypted":                   {"user=tyk password=" + secret + " sslmode=disable", "no encryption"},
		"another authority":               {"user=tyk password=" + secret + " sslmode=verify-full sslrootcert=" + others.CAFile, "certificate signed by unknown authority"},
		"an authority that nobody trusts": {"user=tyk password=" + secret + " sslmode=verify-full", "certificate signed by unknown authority"},
		// Whether the client still reads why the server hangs up is a matter of time.
		"a certificate of others": {"user=client" + verified + " sslcert=" + others.ClientCertFile + " sslkey=" + others.ClientKeyFile, "failed to connect"},
		"no certificate":          {"user=client" + verified, "requires a valid client certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := postgresTarget(server)(t)
			d.exec(t, "grant create on schema public to tyk, client")
			host, port, _ := strings.Cut(server.Addr(), ":")
			database := d.texts(t, "select current_database()::text")[0]
			d.config.Datasource = configopaque.String(fmt.Sprintf("host=%s port=%s dbname=%s %s", host, port, database, test.credentials))
			d.assertStoredOrTold(t, test.want)
		})
	}
}

// A server that is not there has not asked for the password, which is known all the same.
func TestPostgresAwayIsToldWithoutThePassword(t *testing.T) {
	t.Parallel()
	port, err := peers.FreePort()
	require.NoError(t, err)
	for _, datasource := range []string{
		fmt.Sprintf("postgres://tyk:%s@%s/tyk_analytics", secret, peers.Address(port)),
		fmt.Sprintf("host=%s port=%d user=tyk password=%s", peers.Loopback, port, secret),
		fmt.Sprintf("host=no-such-host.invalid user=tyk password='%s'", secret),
	} {
		d := target{config: testConfig(driverPostgres, datasource)}
		d.assertStoredOrTold(t, "connect: ")
	}
}

// assertStoredOrTold pushes records, of which the exporter tells nothing that holds
// the password. An error is one that another attempt may heal.
func (d target) assertStoredOrTold(t *testing.T, want string) {
	t.Helper()
	core, logged := observer.New(zap.DebugLevel)
	set := exportertest.NewNopSettings(metadata.Type)
	set.Logger = zap.New(core)
	host := newStatusHost()
	err := startExporter(t, d.config, set, host).ConsumeLogs(t.Context(), sinktest.Samples("seg", 0, 9))
	told := []string{fmt.Sprint(err), fmt.Sprintf("%+v", d.config)}
	for _, entry := range logged.All() {
		told = append(told, entry.Message+fmt.Sprint(entry.ContextMap()))
	}
	for _, event := range host.events {
		told = append(told, fmt.Sprint(event.Err()))
	}
	for _, text := range told {
		assert.NotContains(t, text, secret)
	}
	if want == "" {
		require.NoError(t, err)
		assertPaths(t, d, 0, 9)
		return
	}
	require.ErrorContains(t, err, want)
	assert.NotEmpty(t, host.events, "the status says so too")
	var refused *analytics.RefusedError
	require.NotErrorAs(t, err, &refused)
}
