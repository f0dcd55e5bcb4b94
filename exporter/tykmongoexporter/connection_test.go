package tykmongoexporter

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// startTLSLink is a link that speaks TLS to exporters, at an address of the loopback
// network, and asks for a client certificate.
func startTLSLink(t *testing.T, server *peers.Mongo, address string, certificates *peers.Certificates) (target, *link) {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(certificates.ServerCertFile, certificates.ServerKeyFile)
	require.NoError(t, err)
	ca, err := os.ReadFile(certificates.CAFile)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(ca))
	plain, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	require.NoError(t, err)
	d, l := linkOn(t, server, tls.NewListener(plain, &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair},
		ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
	}))
	d.config.URI += "&" + selection + "2000" // of an option that is given twice the driver takes the last
	return d, l
}

func TestConnectionsAreSecured(t *testing.T) {
	t.Parallel()
	server := peers.StartMongo(t)
	certificates, err := peers.NewCertificates(t.TempDir(), "otelcol")
	require.NoError(t, err)
	others, err := peers.NewCertificates(t.TempDir(), "otelcol")
	require.NoError(t, err)
	// Tyk Pump takes one file with certificate and key.
	var both []byte
	for _, file := range []string{certificates.ClientCertFile, certificates.ClientKeyFile} {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		both = append(both, content...)
	}
	oneFile := t.TempDir() + "/client.pem"
	require.NoError(t, os.WriteFile(oneFile, both, 0o600))

	client := func(c *Config, cert, key string) {
		c.TLS.Insecure, c.TLS.CAFile, c.TLS.CertFile, c.TLS.KeyFile = false, certificates.CAFile, cert, key
	}
	for name, c := range map[string]struct {
		address string
		change  func(*Config)
		want    string // in the error, empty for none
	}{
		"authority and client certificate": {"127.0.0.1", func(c *Config) {
			client(c, certificates.ClientCertFile, certificates.ClientKeyFile)
		}, ""},
		"certificate and key in one file": {"127.0.0.1", func(c *Config) { client(c, oneFile, oneFile) }, ""},
		"another authority": {"127.0.0.1", func(c *Config) {
			client(c, certificates.ClientCertFile, certificates.ClientKeyFile)
			c.TLS.CAFile = others.CAFile
		}, "x509: "},
		"another authority, but not looked at": {"127.0.0.1", func(c *Config) {
			client(c, certificates.ClientCertFile, certificates.ClientKeyFile)
			c.TLS.CAFile, c.TLS.InsecureSkipVerify = "", true
		}, ""},
		"another name": {"127.0.0.2", func(c *Config) {
			client(c, certificates.ClientCertFile, certificates.ClientKeyFile)
		}, "x509: certificate is valid for 127.0.0.1, not 127.0.0.2"},
		"another name, which is allowed": {"127.0.0.2", func(c *Config) {
			client(c, certificates.ClientCertFile, certificates.ClientKeyFile)
			c.AllowInvalidHostnames = true
		}, ""},
		"another authority, where any name is allowed": {"127.0.0.2", func(c *Config) {
			client(c, certificates.ClientCertFile, certificates.ClientKeyFile)
			c.TLS.CAFile, c.AllowInvalidHostnames = others.CAFile, true
		}, "x509: certificate signed by unknown authority"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, _ := startTLSLink(t, server, c.address, certificates)
			c.change(d.config)
			err := d.start(t).ConsumeLogs(t.Context(), samples("seg", 0, 9))
			if c.want != "" {
				require.ErrorContains(t, err, c.want)
				return
			}
			require.NoError(t, err)
			d.assertPaths(t, 0, 9)
		})
	}
}

// The server, which knows no such users, is answered for: what counts is what it is asked.
func TestUsersWithoutAPassword(t *testing.T) {
	t.Parallel()
	server := peers.StartMongo(t)
	certificates, err := peers.NewCertificates(t.TempDir(), "otelcol")
	require.NoError(t, err)
	for name, c := range map[string]struct {
		user      string
		mechanism string
		first     string // command of the conversation
		answer    bson.D
		stored    bool
	}{
		"X.509": {
			"", "MONGODB-X509", "authenticate", bson.D{{Key: "ok", Value: 1.0}}, true,
		},
		"AWS IAM": {
			"AKIDEXAMPLE:secret@", "MONGODB-AWS", "saslStart", failed(18, "AuthenticationFailed", "Authentication failed."), false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, l := startTLSLink(t, server, "127.0.0.1", certificates)
			uri := strings.Replace(string(d.config.URI), "mongodb://", "mongodb://"+c.user, 1)
			d.config.URI = configopaque.String(uri + "&authSource=$external&authMechanism=" + c.mechanism)
			d.config.TLS.Insecure, d.config.TLS.CAFile = false, certificates.CAFile
			d.config.TLS.CertFile, d.config.TLS.KeyFile = certificates.ClientCertFile, certificates.ClientKeyFile
			mechanisms := map[string]bool{}
			l.on(func(command bson.Raw) *verdict {
				if !named(command, c.first) {
					return nil
				}
				mechanisms[command.Lookup("mechanism").StringValue()+" "+command.Lookup("$db").StringValue()] = true
				return &verdict{answer: c.answer}
			})
			err := d.start(t).ConsumeLogs(t.Context(), samples("seg", 0, 9))
			l.on(nil)
			assert.Equal(t, map[string]bool{c.mechanism + " $external": true}, mechanisms)
			if c.stored {
				require.NoError(t, err)
				d.assertPaths(t, 0, 9)
				return
			}
			require.ErrorContains(t, err, "Authentication failed")
			assert.False(t, consumererror.IsPermanent(err), "an operator may give the rights")
		})
	}
}

func TestFilesThatCannotBeReadFailTheStart(t *testing.T) {
	t.Parallel()
	config := createDefaultConfig().(*Config)
	config.TLS.Insecure, config.TLS.CAFile = false, "/there/is/no/ca.crt"
	e, err := newMongoExporter(config, nopSettings())
	require.NoError(t, err)
	require.ErrorContains(t, e.start(t.Context(), nil), "start the tykmongo exporter: tls: failed to load TLS config: failed to load CA")
	require.NoError(t, e.shutdown(t.Context()))
}

func TestClientOptions(t *testing.T) {
	t.Parallel()
	config := createDefaultConfig().(*Config)
	opts, err := config.clientOptions(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, "majority", opts.WriteConcern.W)
	assert.Equal(t, selectionTimeout, *opts.ServerSelectionTimeout)
	assert.Equal(t, "otelcol-tyk", *opts.AppName)
	assert.Nil(t, opts.TLSConfig)

	config.URI = "mongodb://a,b/tyk?replicaSet=rs&w=1&appName=mine&serverSelectionTimeoutMS=1000&tls=true" +
		"&authMechanism=MONGODB-AWS&authSource=$external"
	opts, err = config.clientOptions(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, 1, opts.WriteConcern.W)
	assert.Equal(t, "mine", *opts.AppName)
	assert.NotNil(t, opts.TLSConfig)
	assert.Equal(t, "MONGODB-AWS", opts.Auth.AuthMechanism, "the driver finds the credentials itself")

	config.URI = "mongodb://a/tyk?authMechanism=MONGODB-X509&authSource=$external"
	opts, err = config.clientOptions(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, "MONGODB-X509", opts.Auth.AuthMechanism)
}

func TestDatabaseName(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string]string{
		"mongodb://localhost/tyk":                                   "tyk",
		"mongodb://u:p%40ss@a:1,b:2/tyk_analytics?authSource=admin": "tyk_analytics",
		"mongodb+srv://u:p@cluster.example/tyk?srvMaxHosts=2":       "tyk",
		"mongodb+srv://cluster.example/tyk?SrvServiceName=x&w=1":    "tyk",
		"mongodb://localhost":                                       "",
		"mongodb://localhost/?replicaSet=rs":                        "",
	} {
		assert.Equal(t, want, databaseName(uri), uri)
	}
}
