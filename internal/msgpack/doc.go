// Package msgpack reads and writes what a gateway's msgpack library writes and reads. The reader is as tolerant as that
// library, cuts texts out of the entry instead of copying them, and tells where an entry stops making sense.
package msgpack
