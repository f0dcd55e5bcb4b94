// Package claim takes entries from Redis lists without ever popping them: a
// source list becomes a segment, a segment is leased to a worker, read in
// chunks whose boundaries never change, and given back to Redis' memory only
// when every group has acknowledged it.
//
// Each step is one Lua script, so that a process that dies between two steps
// leaves nothing half done.
package claim
