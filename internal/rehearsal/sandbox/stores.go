package sandbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"regexp"
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
	case "sqlite":
		file, options, _ := strings.Cut(dsn, "?")
		if options != "" {
			options = "?" + options
		}
		file += suffix
		return Store{Driver: driver, Address: file + options, Label: "SQLite " + file}, nil
	}
	return Store{}, fmt.Errorf("type: %q is not a database: write postgres or mysql", driver)
}

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
	return Store{
		Driver: "postgres", Address: address, Label: fmt.Sprintf("PostgreSQL %s, database %s, schema %s", config.Host, config.Database, schema),
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
	config.DBName = name
	return Store{
		Driver: "mysql", Address: config.FormatDSN(), Label: fmt.Sprintf("MySQL %s, database %s", config.Addr, name),
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
	return Store{Driver: "mongo", Address: address, Label: fmt.Sprintf("MongoDB %s, database %s", hosts, name)}, nil
}

// Create makes the schema or the database of the store, if it is not there.
func (s Store) Create(ctx context.Context) (err error) {
	if s.create == nil {
		return nil
	}
	driver, address, statement := s.create()
	db, err := sql.Open(driver, address)
	if err != nil {
		return fmt.Errorf("%s: %w", s.Label, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := db.ExecContext(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w: make it yourself if this user may not", s.Label, err)
	}
	return nil
}
