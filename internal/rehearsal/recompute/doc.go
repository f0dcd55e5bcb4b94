// Package recompute makes rollups anew from the rows of records that a database has, and writes to the database what its
// own rollups lack.
package recompute
