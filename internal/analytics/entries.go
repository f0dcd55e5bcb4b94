package analytics

import "context"

// Entry is what a gateway pushed: one record, or one uptime check.
type Entry struct {
	// List is the name of the list that it was pushed to, behind the key prefix.
	List string
	// Bytes are as they were pushed; nobody may change them.
	Bytes []byte
}

// Entries gives the entries that the log records of one push were made of.
type Entries interface {
	// Entry is that of the log record with an identity; false where there is none.
	Entry(uid UID) (Entry, bool)
	// Release gives entries up whose log records nobody has or needs any more: only the answer
	// is waited for. There is no Entry after that.
	Release()
}

type entriesKey struct{}

// WithEntries lets whoever is given a push's context have its entries. They are no part of the log
// records, so that no other store keeps them, and nobody pays for them who does not want them.
func WithEntries(ctx context.Context, entries Entries) context.Context {
	return context.WithValue(ctx, entriesKey{}, entries)
}

// EntriesOf gives the entries of a push, nil where whoever pushed has none: it is no tykredis receiver, or
// something between keeps records and sends them on by itself.
func EntriesOf(ctx context.Context) Entries {
	entries, _ := ctx.Value(entriesKey{}).(Entries)
	return entries
}
