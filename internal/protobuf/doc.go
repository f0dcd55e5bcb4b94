// Package protobuf reads and writes the fields of protobuf messages without generated code: the reader passes over
// whatever is unknown or of another type, and cuts texts out of the message instead of copying them.
package protobuf
