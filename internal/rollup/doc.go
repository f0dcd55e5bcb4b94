// Package rollup counts request records into the rollups that Tyk Dashboard
// draws: one Counter for each value of each dimension, by organisation and bucket
// of time. It does no I/O, and holds nothing back.
//
// # Adding up
//
// Counters add up in any order and any grouping (Counter.Add), so that whatever
// chunks records come in, a store that adds rollups ends with the same rows. A
// store needs from a row: sums are added, a maximum is the greater one, a minimum
// follows Counter.MinRank, averages are computed from the sums that result.
//
// # The form in pdata
//
// An Aggregator makes groups of one chunk; AppendLogs writes them and FromLogs
// reads them back. Each Group is one ResourceLogs with one ScopeLogs. What all of
// its rollups share stands on the resource (the Attr constants): family, settings,
// organisation, API (not for Requests), bucket, minutes, zone, segment, records,
// number of rollups, expiry. Each Rollup is one LogRecord with the event name
// tyk.rollup and the bucket as its timestamp; zero values have no attribute. A
// stock exporter may send it on; nothing may cut a ResourceLogs in two, which
// FromLogs notices.
//
// # Exactly once
//
// The group is the unit. Its Records are the exact set of records, by their places
// in the segment of their identities, that it was made from; records without an
// identity make groups without a segment, which are added without looking. A store
// remembers, by Family, Settings and Segment (and by where it stores), the union
// of the Records that it applied, in the same transaction as the counters, and
// compares with Group.Overlap: a group that is New is added, one that is Known is
// left out. One that is Mixed was partly applied, because it comes in another cut
// than before: a receiver takes a refused delivery apart, a filter changed, a dead
// letter is replayed. Counters cannot be taken apart, so the store stores nothing
// of the push and returns a permanent OverlapError; the processor that made the
// rollups makes them anew, cut where the store needs it, in the same call.
package rollup
