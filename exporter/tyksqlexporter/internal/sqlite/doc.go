// Package sqlite is the driver of SQLite.
package sqlite
