package analytics

import "strconv"

// UptimePrefix stands before the name of the list of uptime checks unless configured.
const UptimePrefix = "host-checker:"

// UptimeList is the Redis list of uptime checks, always msgpack (contract:
// records and raw stores, section 1.1).
const UptimeList = UptimePrefix + UptimeName

// UptimeName is the name of that list without a prefix.
const UptimeName = "tyk-uptime-analytics"

// UptimeListBehind is that list behind another prefix.
func UptimeListBehind(prefix string) string { return prefix + UptimeName }

// ListName is what the name of each list of request records contains, behind the gateway's prefix.
const ListName = "tyk-system-analytics"

// ProtobufSuffix ends the names of lists whose entries are protobuf.
const ProtobufSuffix = "_protobuf"

// List is a Redis list that gateways push request records to.
type List struct {
	// Key is its name.
	Key string
	// Protobuf is true where entries are protobuf, else they are msgpack.
	Protobuf bool
}

// RequestLists names every list that a gateway can push request records to:
// with and without multiple keys, in both serialisations (contract: records and
// raw stores, section 1.1). The prefix is "analytics-" unless configured.
func RequestLists(prefix string) []List {
	var lists []List
	for i := -1; i <= 9; i++ {
		key := prefix + ListName
		if i >= 0 {
			key += "_" + strconv.Itoa(i)
		}
		lists = append(lists, List{Key: key}, List{Key: key + ProtobufSuffix, Protobuf: true})
	}
	return lists
}
