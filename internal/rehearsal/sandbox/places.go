package sandbox

import (
	"cmp"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/settings"
)

// Place is where a pump of a side stores what is not read back here.
type Place struct {
	Pump string
	// Label names it without credentials.
	Label string
	// Make says who makes it, where not the writer does.
	Make string
	// Variables is what the names of variables begin with that name its account.
	Variables string
}

// keeper is a destination that keeps what it gets under a name, which a side can change.
type keeper struct {
	// title stands before the name.
	title string
	keys  []nameKey
	// longest is how many bytes a name may have.
	longest int
	// at is the server, without credentials.
	at func(g *settings.Group) string
	// make says who makes the place, variables what names its account.
	make, variables string
}

// nameKey is a key of meta with a name.
type nameKey struct {
	key string
	// standard is Tyk Pump's where none is set; a key without one may be left out.
	standard string
}

// aws begins the variables that name an account of AWS.
const aws = "AWS_"

// keepers are those of the types whose names are derived, by type.
var keepers = map[string]keeper{
	"elasticsearch": {
		title: "Elasticsearch index", longest: 240, // the days of a rolling index come behind
		keys: []nameKey{{"index_name", "tyk_analytics"}, {"mcp_index_name", ""}},
		at:   func(g *settings.Group) string { return hosts(g.Text("elasticsearch_url"), "http://localhost:9200") },
	},
	"kafka": {
		title: "Kafka topic", longest: 249, keys: []nameKey{{"topic", ""}},
		at: func(g *settings.Group) string {
			return strings.Join(slices.Sorted(slices.Values(g.List("broker"))), ",")
		},
		make: "unless the brokers make topics by themselves",
	},
	"influx": {
		title: "InfluxDB database", longest: 255, keys: []nameKey{{"database_name", ""}},
		at:   func(g *settings.Group) string { return hosts(g.Text("address"), "") },
		make: "create database",
	},
	"influx2": {
		title: "InfluxDB bucket", longest: 255, keys: []nameKey{{"bucket", ""}},
		at:   func(g *settings.Group) string { return hosts(g.Text("address"), "") + ", " + g.Text("organization") },
		make: "influx bucket create",
	},
	"kinesis": {
		title: "Kinesis stream", longest: 128, keys: []nameKey{{"stream_name", ""}},
		at:   func(g *settings.Group) string { return region(g.Text("region")) },
		make: "aws kinesis create-stream", variables: aws,
	},
	"sqs": {
		title: "SQS queue", longest: 80, keys: []nameKey{{"aws_queue_name", ""}},
		at: func(g *settings.Group) string {
			return strings.TrimSuffix(region(g.Text("aws_region"))+", "+hosts(g.Text("aws_endpoint"), ""), ", ")
		},
		make: "aws sqs create-queue", variables: aws,
	},
	"csv": {
		title: "directory", longest: 255, keys: []nameKey{{"csv_dir", "csv"}},
		at: func(*settings.Group) string { return "" },
	},
}

// unnamed says of the other types why they take no part.
var unnamed = map[string]string{
	"dummy":       "it stores nothing",
	"stdout":      "what it prints has no name by which it could be told from the real output",
	"splunk":      "the token decides where events go: a rehearsal's would be among the real ones",
	"logzio":      "the token decides where lines go: a rehearsal's would be among the real ones",
	"moesif":      "the application_id decides where events go, which are counted and paid for",
	"segment":     "the segment_write_key decides where events go: a rehearsal's would be among the real ones",
	"resurfaceio": "the server has no name to change: a rehearsal's messages would be among the real ones",
	"hybrid":      "MDCB has no name to change: a rehearsal's records would count in the real Dashboard",
	"graylog":     "the server has no name to change: a rehearsal's messages would be among the real ones",
	"syslog":      "the server has no name to change: a rehearsal's messages would be among the real ones",
	"statsd":      "the server has no name to change: a rehearsal's metrics would count among the real ones",
	"dogstatsd":   "the agent has no name to change: a rehearsal's metrics would count among the real ones",
}

// hosts are those of a list of URLs, without credentials and paths.
func hosts(text, standard string) string {
	var all []string
	for part := range strings.SplitSeq(cmp.Or(text, standard), ",") {
		if u, err := url.Parse(strings.TrimSpace(part)); err == nil && u.Host != "" {
			all = append(all, strings.ToLower(u.Host))
		}
	}
	slices.Sort(all)
	return strings.Join(all, ",")
}

func region(name string) string { return cmp.Or(name, "the region of AWS_REGION") }

// fifo is what the names of SQS' ordered queues end with.
const fifo = ".fifo"

// rename puts derived names into a pump's meta.
func (b *Sandbox) rename(pump string, k keeper, g *settings.Group, meta map[string]any, side Side) error {
	at := k.at(g)
	label := func(name string) string {
		if at == "" {
			return k.title + " " + name
		}
		return k.title + " " + name + " at " + at
	}
	for _, key := range k.keys {
		name := g.Text(key.key)
		if name == "" && key.standard == "" {
			continue
		}
		if key.key == "csv_dir" {
			name = filepath.Clean(name)
			b.real[label(name)] = pump
			if name == "." { // the working directory has no name to change
				name = key.standard
			}
		} else {
			name = cmp.Or(name, key.standard)
			b.real[label(name)] = pump
		}
		base, ending := strings.TrimSuffix(name, fifo), ""
		if base != name && k.title == "SQS queue" {
			name, ending = base, fifo
		}
		derived := name + side.Suffix + ending
		if length := len(filepath.Base(derived)); length > k.longest {
			return fmt.Errorf("%s: the name %s is longer than %d bytes: use a shorter -suffix", key.key, derived, k.longest)
		}
		meta[key.key] = derived
		b.Places = append(b.Places, Place{Pump: pump, Label: label(derived), Make: k.make, Variables: k.variables})
		b.derived = append(b.derived, label(derived))
	}
	return nil
}

// Page is a page of metrics of a side.
type Page struct {
	Pump, URL string
	// Rounds says that Tyk Pump observes the mean of each of its rounds, and not each request.
	Rounds bool
}

// listen gives a page an address of its own.
func (b *Sandbox) listen(pump string, g *settings.Group, meta map[string]any, side Side) error {
	port, err := side.FreePort()
	if err != nil {
		return fmt.Errorf("listen_address: %w", err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	meta["listen_address"] = address
	path := cmp.Or(g.Text("path"), "/metrics")
	b.Pages = append(b.Pages, Page{Pump: pump, URL: "http://" + address + "/" + strings.TrimPrefix(path, "/"), Rounds: g.Bool("aggregate_observations")})
	return nil
}

// apart refuses a derived place that is a real one, or that of the other side.
func (b *Sandbox) apart() error {
	for _, place := range b.derived {
		if pump, is := b.real[place]; is {
			return fmt.Errorf("%s would be written to, and is the real one of pump %s: use another -suffix", place, pump)
		}
	}
	return nil
}

// Apart refuses two sides that would write into the same place.
func Apart(a, b *Sandbox) error {
	for _, place := range a.derived {
		if slices.Contains(b.derived, place) {
			return fmt.Errorf("%s would be written to by both sides: use another -suffix", place)
		}
	}
	return nil
}
