// Package claim takes entries from Redis lists without ever popping them: what lies
// in a source list is claimed into a segment, a segment is leased to a worker, read
// in chunks, and given back to Redis' memory only when every group has acknowledged it.
//
// Each step is one Lua script, so that a process that dies between two steps leaves
// nothing half done, and each looks at a bounded number of keys, members and bytes,
// however much lies there.
package claim
