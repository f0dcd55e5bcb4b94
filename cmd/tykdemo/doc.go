// Command tykdemo shows the collector at work: it starts a Redis of its own and
// the built collector, plays a gateway for some seconds, and shows from the store
// what happened. It needs no configuration and ends by itself.
package main
