package query

import (
	"context"
	"time"
)

// Store answers what pages ask. Its methods may be called at the same time, and end with
// their context. Errors are an *Error wherever the cause is known.
type Store interface {
	// Info says what the store is and which tables it has. It is cached for a minute.
	Info(ctx context.Context) (Info, error)
	// Resolve gives the range of a page: its ends snapped to buckets, the width of a bucket
	// of its charts, and the source that answers it. All blocks of a page share one range.
	Resolve(ctx context.Context, from, to time.Time, filter Filter) (Range, error)

	// Traffic counts requests by bucket.
	Traffic(ctx context.Context, scope Scope) (Traffic, error)
	// Latency gives percentiles by bucket, and the distribution of the whole range.
	Latency(ctx context.Context, scope Scope) (Latency, error)
	// List counts requests by the values of a dimension.
	List(ctx context.Context, scope Scope, list ListOptions) (List, error)
	// Families says which kinds of requests a scope has that are counted by more than others: "graph" where some
	// are of GraphQL, "mcp" where some are of MCP.
	Families(ctx context.Context, scope Scope) ([]string, error)
	// Samples gives some requests of the range in full but for their bodies.
	Samples(ctx context.Context, scope Scope, limit int) (Samples, error)

	// Logs gives a page of records, the newest first.
	Logs(ctx context.Context, search Search) (Page, error)
	// Course counts the records that a search finds, by bucket of its width.
	Course(ctx context.Context, search Search, width time.Duration) (Traffic, error)
	// Record gives one record with its bodies; ErrGone where it is not there any more.
	Record(ctx context.Context, ref Ref) (Record, error)
	// Newest gives records not older than since, the newest first, for Live.
	Newest(ctx context.Context, since time.Time, orgs []string, limit int) ([]Record, Answer, error)

	// KeyRef is the reference that stands for a key in URLs.
	KeyRef(key string) string
	// FindKey gives the key of a reference; ErrGone where the store has none.
	FindKey(ctx context.Context, ref string) (string, error)

	// Storage says how big tables are, and which indexes they lack.
	Storage(ctx context.Context) (Storage, error)
	// Recorded says what gateways recorded of the newest requests.
	Recorded(ctx context.Context) (Recorded, error)
	// Stats says what the console itself asked the store.
	Stats() Stats
	// Close ends all connections.
	Close() error
}

// Source is where an answer comes from.
type Source string

// The sources.
const (
	FromRollups Source = "rollups"
	FromRecords Source = "records"
	FromNowhere Source = "none"
)

// Exactness is how far an answer can be trusted.
type Exactness string

// The values of Exactness.
const (
	// Exact counts everything in the range.
	Exact Exactness = "exact"
	// Approximate scales what some of the buckets hold.
	Approximate Exactness = "approximate"
	// Limited counts the newest records only, back to a time.
	Limited Exactness = "limited"
	// Absent has no figures: Reason says what would make them possible.
	Absent Exactness = "absent"
)

// Answer says how a block was answered.
type Answer struct {
	Source    Source    `json:"source"`
	Exactness Exactness `json:"exactness"`
	// Rows is how many rows were read.
	Rows int64 `json:"rows,omitempty"`
	// BackTo is the time to which a limited answer reaches.
	BackTo time.Time `json:"back_to,omitzero"`
	// Every is 4 where every 4th bucket was read.
	Every int `json:"every,omitempty"`
	// RelativeError is that of percentiles.
	RelativeError float64 `json:"relative_error,omitempty"`
	// Reason says to people why the answer is not exact, or not there, and what would help.
	Reason string `json:"reason,omitempty"`
	// Statements is how many the store was asked, Took how long that took together.
	Statements int           `json:"statements,omitempty"`
	Took       time.Duration `json:"-"`
}

// Info is what a store is.
type Info struct {
	Driver string `json:"driver"` // postgres, mysql, sqlite
	// Server names the program and its version, such as "PostgreSQL 15.18".
	Server string `json:"server"`
	// Place is host and database, or the file: without user or password.
	Place string `json:"place"`
	// Records, Rollups and Latencies say which tables are there and are written.
	Records   bool `json:"records"`
	Rollups   bool `json:"rollups"`
	Latencies bool `json:"latencies"`
	// Bucket is the width of the rollups' buckets; 0 without rollups.
	Bucket time.Duration `json:"-"`
	// OldestRollup is the beginning of the oldest bucket.
	OldestRollup time.Time `json:"oldest_rollup,omitzero"`
	// OldestRecord and NewestRecord are the times of records; zero where there are none.
	OldestRecord time.Time `json:"oldest_record,omitzero"`
	NewestRecord time.Time `json:"newest_record,omitzero"`
	// Organisations are all that the store knows, by name.
	Organisations []string `json:"organisations"`
	// APIs are those of the newest day with requests, by name.
	APIs []API `json:"apis"`
	// TooManyOrganisations is set where records of all of them cannot be read together, so
	// that a page asks to choose one.
	TooManyOrganisations bool `json:"too_many_organisations,omitempty"`
}

// API names an API.
type API struct {
	Org  string `json:"org"`
	ID   string `json:"api"`
	Name string `json:"name"`
}

// Empty tells whether nothing was ever stored.
func (i Info) Empty() bool { return i.NewestRecord.IsZero() && i.OldestRollup.IsZero() }

// Storage is what a store takes.
type Storage struct {
	Tables []TableSize `json:"tables"`
	// Missing are indexes that pages would be faster with.
	Missing []MissingIndex `json:"missing_indexes"`
	// Ledger counts the ledger's rows (estimated).
	Ledger int64 `json:"ledger_rows,omitempty"`
	// PerDay is what a day adds to all tables, in bytes; -1 where that is not known.
	PerDay int64 `json:"bytes_per_day"`
	// Free is what is left on the disk, in bytes; -1 where that is not known, as with servers.
	Free int64 `json:"bytes_free"`
}

// Recorded says what gateways recorded of requests.
type Recorded struct {
	Answer Answer `json:"answer"`
	// Since is the time of the oldest request that was looked at.
	Since time.Time     `json:"since,omitzero"`
	APIs  []RecordedAPI `json:"apis"`
}

// RecordedAPI counts the newest requests of an API, and how many of them have what.
type RecordedAPI struct {
	API
	Records int64 `json:"records"`
	// Requests and Responses have what was sent and answered, Countries where it came from, Traces the id of a trace.
	Requests  int64 `json:"with_request"`
	Responses int64 `json:"with_response"`
	Countries int64 `json:"with_country"`
	Traces    int64 `json:"with_trace"`
}

// TableSize is how big one table is.
type TableSize struct {
	Name string `json:"name"`
	// Rows are estimated, -1 where that is not known.
	Rows int64 `json:"rows"`
	// Bytes of the table and its indexes, -1 where that is not known.
	Bytes int64 `json:"bytes"`
	// PerDay is what a day adds, in bytes, -1 where that is not known.
	PerDay int64 `json:"bytes_per_day"`
}

// MissingIndex is an index that would help, and how to make it.
type MissingIndex struct {
	Table string `json:"table"`
	// For says which blocks it is for.
	For string `json:"for"`
	// Statement makes it.
	Statement string `json:"statement"`
}

// Stats is what the console asked the store since it started.
type Stats struct {
	MaxQueries       int             `json:"max_queries"`
	StatementTimeout time.Duration   `json:"-"`
	ScanRows         int             `json:"scan_rows"`
	SearchRows       int             `json:"search_rows"`
	Statements       int64           `json:"statements"`
	CacheHits        int64           `json:"cache_hits"`
	CacheBytes       int64           `json:"cache_bytes"`
	Refused          int64           `json:"refused_busy"`
	Slowest          []SlowStatement `json:"slowest"`
}

// SlowStatement is one of the slowest statements; its text has no values.
type SlowStatement struct {
	Text   string        `json:"text"`
	Took   time.Duration `json:"-"`
	TookMS float64       `json:"took_ms"`
	At     time.Time     `json:"at"`
}
