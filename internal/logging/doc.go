// Package logging keeps a collector's log readable during an outage, whichever component it is of: lines
// have a length that people read, and what is said again and again is counted instead. It remembers what
// exporters complain of, which no other component of the process is told while they retry.
package logging
