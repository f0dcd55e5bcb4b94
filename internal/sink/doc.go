// Package sink is what the exporters of Tyk's schemas have in common: which settings
// keep the promise that each record is stored once, how an outage is told, which
// records are refused by evidence and how they are named, and a bounded cache.
package sink
