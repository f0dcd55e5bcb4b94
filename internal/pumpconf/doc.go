// Package pumpconf turns a pump.conf and the environment of Tyk Pump into a configuration
// of the collector, and says what became of each setting. The packages below it hold the
// table of keys, the reading, and the configuration with its comments.
package pumpconf
