// Package awsclient is what exporters to Amazon's services have in common: how a client is made, what the services'
// errors mean, and requests of many records whose answers speak of each.
package awsclient
