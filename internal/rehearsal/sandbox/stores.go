package sandbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// suffixes are those that make names in every database.
var suffixes = regexp.MustCompile(`^[a-z0-9_]{1,40}$`)

// CheckSuffix refuses what would not make another address.
func CheckSuffix(suffix string) error {
	if !suffixes.MatchString(suffix) {
		return fmt.Errorf("%q: use small letters, digits and underscores, such as _shadow: without it, stores would be the real ones", suffix)
	}
	return nil
}

// maxName is how long a name may be in PostgreSQL, and about so in the others.
const maxName = 63

func withSuffix(name, suffix string) (string, error) {
	if len(name)+len(suffix) > maxName {
		return "", fmt.Errorf("the name %s%s is longer than %d bytes, and would be cut to the real one: use a shorter -suffix", name, suffix, maxName)
	}
	return name + suffix, nil
}

// sqlStore derives the place of tables: in PostgreSQL another schema, else another database.
func sqlStore(driver, dsn, suffix string) (Store, error) {
	if err := CheckSuffix(suffix); err != nil {
		return Store{}, err
	}
	switch driver {
	case "postgres":
		return postgresStore(dsn, suffix)
	case "mysql":
		return mysqlStore(dsn, suffix)
	}
	return Store{}, fmt.Errorf("type: %q is not a database: write postgres or mysql", driver)
}

// usualPort is PostgreSQL's, which a label leaves out.
const usualPort = 5432

func postgresStore(dsn, suffix string) (Store, error) {
	config, err := pgconn.ParseConfig(dsn)
	if err != nil {
		return Store{}, errors.New("connection_string: the value (not shown, it may hold a password) is not a PostgreSQL DSN nor a URL")
	}
	current, _, _ := strings.Cut(config.RuntimeParams["search_path"], ",")
	current = strings.Trim(strings.TrimSpace(current), `"`)
	if current == "" {
		current = "public"
	}
	schema, err := withSuffix(current, suffix)
	if err != nil {
		return Store{}, err
	}
	address := dsn
	if u, err := url.Parse(dsn); err == nil && strings.Contains(dsn, "://") {
		query := u.Query()
		query.Set("search_path", schema)
		u.RawQuery = query.Encode()
		address = u.String()
	} else {
		address += " search_path=" + schema // of settings that are there twice the later counts
	}
	derived, err := pgconn.ParseConfig(address)
	if err != nil || derived.RuntimeParams["search_path"] != schema || derived.Host != config.Host || derived.Database != config.Database {
		return Store{}, errors.New("connection_string: no schema of its own can be put into it: write it as a URL")
	}
	label := func(schema string) string {
		host := config.Host
		if config.Port != usualPort {
			host = net.JoinHostPort(host, strconv.Itoa(int(config.Port)))
		}
		return fmt.Sprintf("PostgreSQL %s, database %s, schema %s", host, config.Database, schema)
	}
	return Store{
		Driver: "postgres", Address: address, Label: label(schema), real: label(current), schema: schema,
		create: func() (string, string, string) {
			return "pgx", dsn, "create schema if not exists " + pgx.Identifier{schema}.Sanitize()
		},
	}, nil
}

func mysqlStore(dsn, suffix string) (Store, error) {
	config, err := mysql.ParseDSN(dsn)
	if err != nil || config.DBName == "" {
		return Store{}, errors.New("connection_string: the value (not shown, it may hold a password) is not a MySQL DSN with a database")
	}
	name, err := withSuffix(config.DBName, suffix)
	if err != nil {
		return Store{}, err
	}
	server := config.Clone()
	server.DBName = ""
	label := func(name string) string { return fmt.Sprintf("MySQL %s, database %s", config.Addr, name) }
	present := label(config.DBName)
	config.DBName = name
	return Store{
		Driver: "mysql", Address: config.FormatDSN(), Label: label(name), real: present,
		create: func() (string, string, string) {
			return "mysql", server.FormatDSN(), "create database if not exists `" + strings.ReplaceAll(name, "`", "``") + "`"
		},
	}, nil
}

// mongoStore derives another database of the same server, which is made when it is first written to.
func mongoStore(uri, suffix string) (Store, error) {
	if err := CheckSuffix(suffix); err != nil {
		return Store{}, err
	}
	scheme, rest, ok := strings.Cut(uri, "://")
	rest, query, has := strings.Cut(rest, "?")
	login, hosts, credentials := strings.Cut(rest, "@")
	if !credentials {
		login, hosts = "", rest
	} else {
		login += "@"
	}
	hosts, database, _ := strings.Cut(hosts, "/")
	if !ok || database == "" || strings.Contains(hosts, "@") {
		return Store{}, errors.New("mongo_url: the value (not shown, it may hold a password) is not a MongoDB connection string with a database, such as mongodb://host:27017/tyk_analytics")
	}
	name, err := withSuffix(database, suffix)
	if err != nil {
		return Store{}, err
	}
	if login != "" && !strings.Contains(query, "authSource=") { // which was the database
		query = strings.TrimPrefix(query+"&authSource="+url.QueryEscape(database), "&")
		has = true
	}
	address := scheme + "://" + login + hosts + "/" + name
	if has {
		address += "?" + query
	}
	label := func(name string) string { return fmt.Sprintf("MongoDB %s, database %s", hosts, name) }
	return Store{Driver: "mongo", Address: address, Label: label(name), real: label(database)}, nil
}

// Create makes the schema or the database of the store, if it is not there.
func (s Store) Create(ctx context.Context) error {
	if s.create == nil {
		return nil
	}
	driver, address, statement := s.create()
	err := s.with(driver, address, func(db *sql.DB) error {
		_, err := db.ExecContext(ctx, statement)
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w: make it yourself if this user may not", s.Label, err)
	}
	if s.schema == "" {
		return nil
	}
	return s.inSchema(ctx)
}

// throughPooler is what to do about a pooler, which takes no schema from its clients, or forgets it.
const throughPooler = "a pooler such as PgBouncer gives no schema of its own: name PostgreSQL itself for the rehearsal, in the connection_string of a copy of pump.conf or in its variable"

// inSchema makes sure that what is written goes into the schema, and not into the real one.
func (s Store) inSchema(ctx context.Context) error {
	var schema sql.NullString
	err := s.with("pgx", s.Address, func(db *sql.DB) error {
		const simple = pgx.QueryExecModeSimpleProtocol // a pooler may forget what was prepared
		return db.QueryRowContext(ctx, "select current_schema()", simple).Scan(&schema)
	})
	var refused *pgconn.PgError
	switch {
	case errors.As(err, &refused) && strings.Contains(refused.Message, "unsupported startup parameter"):
		return fmt.Errorf("%s: %w: %s", s.Label, err, throughPooler)
	case err != nil:
		return fmt.Errorf("%s: %w", s.Label, err)
	case schema.String != s.schema:
		return fmt.Errorf("%s: rows would go into the schema %q: %s", s.Label, schema.String, throughPooler)
	}
	return nil
}

// with runs a function with a connection.
func (s Store) with(driver, address string, run func(*sql.DB) error) (err error) {
	db, err := sql.Open(driver, address)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return run(db)
}
