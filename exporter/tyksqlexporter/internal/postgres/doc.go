// Package postgres is the driver of PostgreSQL 12 and later.
package postgres
