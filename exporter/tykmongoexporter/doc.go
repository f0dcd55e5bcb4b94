//go:generate go tool -modfile=../../tools.mod mdatagen metadata.yaml

// Package tykmongoexporter stores Tyk Gateway's analytics records in MongoDB, Amazon
// DocumentDB or Azure Cosmos DB, in the collections that Tyk Dashboard reads, each
// record exactly once.
package tykmongoexporter
