// Package sqlstore answers the console's questions from the SQL tables that the exporter tyksql
// writes, in PostgreSQL, MySQL or MariaDB, and SQLite.
//
// A block is answered from rollups where there are some, else from the newest records. No
// statement reads without bound: one of rollups reads at most 200,000 rows, every k-th bucket
// where there are more; one of records first asks an index how far back a number of rows reaches,
// and reads no further. Statements are read-only, few at a time, and end after a time.
//
// The connections are the store's own, never the exporter's.
package sqlstore
