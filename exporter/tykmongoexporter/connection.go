package tykmongoexporter

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"
)

// selectionTimeout is how long a write looks for a server that takes writes, unless
// the URI says so: shorter than the driver's 30 seconds, so that an outage is told
// soon. The write is tried again.
const selectionTimeout = 5 * time.Second

// disconnectTimeout bounds the end of the connections.
const disconnectTimeout = 5 * time.Second

// validateURI never shows the URI, nor what the driver says of it, since both may
// hold a password.
func (c *Config) validateURI() error {
	uri := string(c.URI)
	scheme, rest, _ := strings.Cut(uri, "://")
	if scheme != connstring.SchemeMongoDB && scheme != connstring.SchemeMongoDBSRV {
		return errors.New("uri: the value (not shown, it may hold a password) must begin with mongodb:// or mongodb+srv://")
	}
	if scheme == connstring.SchemeMongoDBSRV {
		rest = withoutLookup(rest) // names are looked up when connecting
	}
	parsed, err := connstring.ParseAndValidate(connstring.SchemeMongoDB + "://" + rest)
	if err != nil {
		return errors.New("uri: the value (not shown, it may hold a password) is not a MongoDB connection string such as " +
			"mongodb://user:password@host:27017/tyk_analytics; percent-encode the characters : / ? # [ ] @ % in user and password")
	}
	var errs []error
	if parsed.Database == "" {
		errs = append(errs, errors.New("uri: names no database: append it to the hosts, as in mongodb://host:27017/tyk_analytics"))
	}
	if parsed.WNumberSet && parsed.WNumber == 0 {
		errs = append(errs, errors.New("uri: w=0 asks for no answer, so that nobody would know what is stored: leave w out, which means majority"))
	}
	own := c.ownTLS()
	if own && parsed.SSLSet {
		errs = append(errs, errors.New("tls: the uri has TLS options too: use either those or tls"))
	}
	if c.AllowInvalidHostnames && !own {
		errs = append(errs, errors.New("mongo_ssl_allow_invalid_hostnames: has no meaning without tls: set tls::insecure: false, and tls::ca_file where the authority is your own"))
	}
	return errors.Join(errs...)
}

// withoutLookup takes out of a connection string what only mongodb+srv knows.
func withoutLookup(rest string) string {
	before, query, _ := strings.Cut(rest, "?")
	var kept []string
	for option := range strings.SplitSeq(query, "&") {
		if !strings.HasPrefix(strings.ToLower(option), "srv") && option != "" {
			kept = append(kept, option)
		}
	}
	return before + "?" + strings.Join(kept, "&")
}

// ownTLS tells whether the tls section secures the connections.
func (c *Config) ownTLS() bool {
	return !c.TLS.Insecure || c.TLS.CAFile != "" || c.TLS.CAPem != ""
}

// clientOptions are the driver's. An error may be one of looking up names, and heal.
func (c *Config) clientOptions(ctx context.Context, monitor *event.CommandMonitor) (*options.ClientOptions, error) {
	opts := options.Client().ApplyURI(string(c.URI))
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	if opts.AppName == nil {
		opts.SetAppName("otelcol-tyk")
	}
	if opts.ServerSelectionTimeout == nil {
		opts.SetServerSelectionTimeout(selectionTimeout)
	}
	if opts.WriteConcern == nil || opts.WriteConcern.W == nil {
		concern := writeconcern.Majority()
		if opts.WriteConcern != nil {
			concern.Journal = opts.WriteConcern.Journal
		}
		opts.SetWriteConcern(concern)
	}
	if monitor != nil {
		opts.SetMonitor(monitor)
	}
	if !c.ownTLS() {
		return opts, nil
	}
	config, err := c.TLS.LoadTLSConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	if c.AllowInvalidHostnames && !config.InsecureSkipVerify {
		config = allowAnyName(config)
	}
	return opts.SetTLSConfig(config), nil
}

// allowAnyName verifies a server's certificate, but not for which name it is.
func allowAnyName(config *tls.Config) *tls.Config {
	config = config.Clone()
	config.InsecureSkipVerify = true //nolint:gosec // VerifyConnection does what it switches off, but for the name
	config.VerifyConnection = func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) == 0 {
			return errors.New("the server sent no certificate")
		}
		chain := x509.NewCertPool()
		for _, certificate := range state.PeerCertificates[1:] {
			chain.AddCert(certificate)
		}
		_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: config.RootCAs, Intermediates: chain})
		return err
	}
	return config
}

// databaseName is the one that the URI names.
func databaseName(uri string) string {
	_, rest, _ := strings.Cut(uri, "://")
	parsed, err := connstring.Parse(connstring.SchemeMongoDB + "://" + withoutLookup(rest))
	if err != nil {
		return ""
	}
	return parsed.Database
}

// connection is a connected client.
type connection struct {
	client   *mongo.Client
	database *mongo.Database
	reading  *mongo.Database // for what must not be undone
	concern  bson.Raw        // the write concern, as commands ask for it
}

// newConnection prepares to connect. No server is asked for yet.
func newConnection(ctx context.Context, c *Config, monitor *event.CommandMonitor) (*connection, error) {
	opts, err := c.clientOptions(ctx, monitor)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	concern := bson.D{{Key: "w", Value: opts.WriteConcern.W}}
	if opts.WriteConcern.Journal != nil {
		concern = append(concern, bson.E{Key: "j", Value: *opts.WriteConcern.Journal})
	}
	raw, err := bson.Marshal(concern)
	if err != nil {
		return nil, fmt.Errorf("connect: write concern: %w", err)
	}
	client, err := mongo.Connect(opts)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	name := databaseName(string(c.URI))
	primary := options.Database().SetReadPreference(readpref.Primary())
	if opts.ReadConcern == nil {
		primary.SetReadConcern(readconcern.Majority())
	}
	return &connection{client: client, database: client.Database(name), reading: client.Database(name, primary), concern: raw}, nil
}

// close ends all connections.
func (c *connection) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, disconnectTimeout)
	defer cancel()
	if err := c.client.Disconnect(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("disconnect: %w", err)
	}
	return nil
}
