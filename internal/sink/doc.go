// Package sink is what the exporters of Tyk's schemas have in common: which settings
// keep the promise that each record is stored once, how an outage is told, and how
// refused records are named.
package sink
