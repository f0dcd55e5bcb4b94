// Package slab makes many log records and their attributes with few allocations. A
// chunk has tens of thousands of attribute values; allocated one by one, as pdata's
// own setters do, they cost more than all the rest of making log records of it, and
// the garbage collector has as many objects to look at.
//
// pdata offers no way to do so. The package writes what pdata's setters would have
// written, into memory that it has laid out the same way; no two values ever share
// content. It does so only with versions of pdata that it was tested with, and whose
// setters do at start what it expects. With any other pdata it uses pdata's own
// setters: slower, with the same result.
package slab
