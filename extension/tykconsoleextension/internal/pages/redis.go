package pages

import (
	"context"
	"encoding/json"
	"time"
)

// Redis is where lists, groups and dead letters are.
type Redis interface {
	// Receivers are those of the configuration that read it, the one that names it first.
	Receivers() []string
	// Groups are those of this process, with the exporters behind each.
	Groups() map[string][]string
	// StoreGroups are the groups whose records go to the store that is read.
	StoreGroups() []string
	// Address is where it is, for people.
	Address() string
	// Look surveys it once. before is the look before, which tells what moved; nil for none.
	Look(ctx context.Context, before *Look) (*Look, error)
	// Letters gives dead letters, the newest first, and how many match in all.
	Letters(ctx context.Context, filter LetterFilter, limit int) (Letters, error)
	// Take replays letters, or drops them; dry only counts.
	Take(ctx context.Context, filter LetterFilter, replay, dry bool) (Taken, error)
	// RemoveGroup removes a group that is gone for good.
	RemoveGroup(ctx context.Context, name string) error
}

// Look is what one survey saw.
type Look struct {
	At      time.Time
	Took    time.Duration
	Memory  []Memory
	Lists   []ListLook
	Groups  []GroupLook
	Reasons []Reason
	// Findings are those of tykctl status, trouble first.
	Findings []Finding
	// JSON is what tykctl status -json says, and State what the next look compares with.
	JSON  any
	State any
}

// Memory is how full a Redis is.
type Memory struct {
	Used, Max int64
	Policy    string
}

// ListLook is a list that something was ever pushed to.
type ListLook struct {
	Name, ReplayTo, Form            string
	Unclaimed, Claimed, Kept, Bytes int64
	Segments                        int
	Dead                            int64
	TTL                             time.Duration // below 0 for never
}

// GroupLook is a group over all lists.
type GroupLook struct {
	Name      string
	Waiting   int64
	Oldest    time.Duration
	Movement  string // idle, moving, stalled, unknown
	PerSecond float64
	Ago       time.Duration
	Away      bool
	Leases    []Lease
	Keeps     Keeps
	Lists     []GroupList
}

// Keeps is what a group alone holds back.
type Keeps struct {
	Segments       int
	Entries, Bytes int64
}

// GroupList is a group at one list.
type GroupList struct {
	Name, ReplayTo string
	Receipts       Receipts
}

// Lease is what a worker holds.
type Lease struct {
	Worker   string
	Segments int
	Expired  bool
	In       time.Duration
}

// Receipts say what became of entries.
type Receipts struct {
	Claimed, Delivered, Shed, Dead, Lost, InFlight, Replayed, Dropped int64
}

// Missing is how many entries nothing accounts for.
func (r Receipts) Missing() int64 {
	return r.Claimed - r.Delivered - r.Shed - r.Dead - r.Lost - r.InFlight
}

func (r *Receipts) add(o Receipts) {
	r.Claimed += o.Claimed
	r.Delivered += o.Delivered
	r.Shed += o.Shed
	r.Dead += o.Dead
	r.Lost += o.Lost
	r.InFlight += o.InFlight
	r.Replayed += o.Replayed
	r.Dropped += o.Dropped
}

// Reason counts the dead letters that share one but for its figures.
type Reason struct {
	Source, Group, Destination, Text string
	Count                            int64
	More                             bool
	Newest                           time.Time
}

// Finding is one thing that is not as it should be.
type Finding struct {
	Trouble             bool
	Code, Source, Group string
	// Title and Text say what is; Remedy what to do, Command how with tykctl.
	Title, Text, Remedy, Command string
}

// LetterFilter chooses dead letters, as tykctl's flags do.
type LetterFilter struct {
	Source, Group, Destination, Reason string
	UIDs                               []string
	Since, Until                       time.Time
	// Same keeps those whose reason, without its figures, is this.
	Same string
}

// Letters are some of the dead letters that match.
type Letters struct {
	Letters []Letter
	// Matching is how many do; More is set where not all were looked at.
	Matching int64
	More     bool
}

// Letter is a dead letter.
type Letter struct {
	UID, Source, Group, Destination, Reason, Form string
	At                                            time.Time
	Bytes                                         int
	Entry                                         []byte
	// Record is the entry decoded; DecodeError says why it is not.
	Record      json.RawMessage
	DecodeError string
	// Silent is set where nobody reads for its group.
	Silent bool
}

// Taken says what became of letters.
type Taken struct {
	Matched, Taken int64
	// Silent were left as nobody reads for their groups, Faulty as they cannot be read, Aged as stores may have forgotten them.
	Silent, Faulty, Aged int64
	// More is set where there was no time for all.
	More bool
}

// Process is this process.
type Process struct {
	Name, Version, Collector, Go string
	Started                      time.Time
	Ready                        bool
	Pipelines                    []Pipeline
	Components                   []Component
	// Settings are those of components that may be shown.
	Settings []Settings
	// StoreExporter writes the tables that are read; empty for none.
	StoreExporter string
	// Memory is what it takes of the system, in bytes.
	Memory int64
	// Retention is after how many days tables are dropped, 0 for never.
	Retention int
	// Metrics are its own counts.
	Metrics Metrics
}

// Pipeline is one of this process.
type Pipeline struct {
	ID                               string
	Receivers, Processors, Exporters []string
}

// Component is the health of one.
type Component struct {
	ID, Kind, Status, Error string
	Since                   time.Time
}

// Settings are a component's that differ from what everybody has.
type Settings struct {
	ID     string
	Values [][2]string
}

// Metrics are what a process counts of itself.
type Metrics struct {
	// Place is where they are read, empty where there is no such place; Error says why they could not be.
	Place, Error string
	// At is when they were read; zero for never.
	At time.Time
	// Destinations are the counts of exporters, by id; nil where they were never read.
	Destinations map[string]Destination
	// Grew is when an exporter's count was last seen to grow.
	Grew map[string]time.Time
}

// Destination is what one exporter counted since the process started; below 0 is what it does not count.
type Destination struct {
	Stored   int64 `json:"stored"`
	Had      int64 `json:"had_before"`
	NotTaken int64 `json:"not_taken"`
	Refused  int64 `json:"refused"`
	Failed   int64 `json:"failed_attempts"`
	Writes   int64 `json:"writes"`
	// Rate is how many records a second it took of late, WriteRate how many writes a second it made.
	Rate      float64 `json:"per_second"`
	WriteRate float64 `json:"writes_per_second"`
	// P99 is how long the slowest of a hundred writes took at most, or at least where P99Beyond is set; 0 where nothing tells.
	P99       time.Duration `json:"-"`
	P99Beyond bool          `json:"-"`
}
