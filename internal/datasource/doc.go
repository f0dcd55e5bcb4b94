// Package datasource reads how users name an SQL database, and opens connections to it. What
// they write may hold a password, so that no error shows it.
package datasource
