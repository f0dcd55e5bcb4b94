// Package sqlrows reads the rows of PostgreSQL, MySQL and SQLite, each value in the one form
// that package rows has for it.
package sqlrows
