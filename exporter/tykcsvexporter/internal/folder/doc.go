// Package folder appends rows to files of a directory. Each row is there once, whatever is killed
// between writing it and saying so, and however many processes write.
//
// A journal beside the files has the identities of all rows that were written within a time. Before
// rows are appended it says which ones, where they begin and end, and their checksum; afterwards, that they
// are there. Where the second word is missing, whoever comes next compares the file with the first: rows that
// are whole count as written, and what is not is cut off.
package folder
