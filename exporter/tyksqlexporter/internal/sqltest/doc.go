// Package sqltest makes the records with which the exporter and its rooms are tested.
package sqltest
