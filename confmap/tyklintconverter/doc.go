// Package tyklintconverter reads a whole collector configuration and finds what each component
// takes for right, and what loses records all the same: a queue that forgets, rollups that no table
// stores, documents that a store of records cannot read. It refuses what loses records and warns of
// what is unusual.
package tyklintconverter
