package datasource

import (
	"net/url"
	"os"
	"strings"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// checkScheme refuses what names another database: a file of that name would be made, and the name shown with
// its password.
func checkScheme(text string) error {
	scheme, _, isURL := strings.Cut(text, "://")
	switch {
	case isURL && (scheme == "postgres" || scheme == "postgresql") || strings.Contains(text, "host="):
		return Mistake(`is meant for PostgreSQL, but driver is "sqlite": set driver: postgres`)
	case isURL && scheme == "mysql" || strings.Contains(text, "@tcp(") || strings.Contains(text, "@unix("):
		return Mistake(`is meant for MySQL, but driver is "sqlite": set driver: mysql`)
	case isURL && scheme != "file":
		return Mistake(`is the URL of something else, but driver is "sqlite": give the path of a file`)
	}
	return nil
}

// SQLite is the URI of a file for the driver "sqlite", with more options. Those that users
// write count less; one without a value takes theirs away.
func SQLite(text string, options url.Values) (string, error) {
	if err := checkScheme(text); err != nil {
		return "", err
	}
	uri := text
	if !strings.HasPrefix(text, "file:") { // to the letter: the driver takes what follows a question mark for its own
		uri = "file:" + (&url.URL{Path: text}).EscapedPath()
	}
	uri, own, _ := strings.Cut(uri, "?")
	values, err := url.ParseQuery(own)
	if err != nil {
		return "", Mistake("has a question mark, and what follows it is no query of a URI")
	}
	for key, list := range options {
		if key != "_pragma" { // of which there may be many, and the last one counts
			values.Del(key)
		}
		values[key] = append(values[key], list...)
	}
	return uri + "?" + values.Encode(), nil
}

// CheckSQLite refuses what names no file of SQLite to write to.
func CheckSQLite(text string) error {
	switch {
	case strings.Contains(text, ":memory:") || strings.Contains(text, "mode=memory"):
		return Mistake("is a database in memory, which forgets all records when the collector ends, and they have left Redis by then: give the path of a file")
	case strings.HasPrefix(text, "file:") && (strings.Contains(text, "mode=ro") || strings.Contains(text, "immutable=")):
		return Mistake("has mode=ro or immutable, which keeps the exporter from writing: leave it out")
	}
	if _, err := SQLite(text, nil); err != nil {
		return err
	}
	if info, err := os.Stat(FileOf(text)); err == nil && info.IsDir() {
		return Mistake("is a directory: give the path of a file in it")
	}
	return nil
}

// FileOf is the path in what names an SQLite database; empty where that is no URI.
func FileOf(text string) string {
	if !strings.HasPrefix(text, "file:") {
		return text
	}
	uri, err := url.Parse(text)
	if err != nil {
		return ""
	}
	if uri.Opaque != "" { // file:name.db
		path, err := url.PathUnescape(uri.Opaque)
		if err != nil {
			return uri.Opaque
		}
		return path
	}
	return uri.Path
}

// QuoteSQLite writes a name.
func QuoteSQLite(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
