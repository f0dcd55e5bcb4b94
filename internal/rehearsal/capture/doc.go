// Package capture copies entries of gateways from Redis to a file without taking them away, and pushes those of a
// file to a Redis again.
//
// A file is a line of JSON with what it is, then, compressed with zstd, frames: 'L' and a list's name, which then has the next
// number; 'E', a list's number, the milliseconds since the frame before and an entry; at the end 'Z' and the number of entries, without
// which a file is incomplete. Numbers are unsigned varints, texts have their length in front.
package capture
