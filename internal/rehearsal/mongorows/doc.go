// Package mongorows reads the documents of a MongoDB as rows: a record is a row with a column for each path, and a document of
// rollups is a row for each value that it counts.
package mongorows
