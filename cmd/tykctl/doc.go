// Command tykctl shows operators of the collector what lies in Redis: what is
// stuck and why, what became of every entry, and which entries are dead letters,
// which it also replays and drops. It needs no collector to be running. Beside that it
// compares what Tyk Pump and the collector make of the same entries.
package main
