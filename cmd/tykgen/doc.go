// Command tykgen makes API traffic: it pushes realistic analytics records to
// Redis the way Tyk Gateway does, at a rate or as a backlog.
package main
