//go:build e2e || chaos

package chaos

import (
	"bytes"
	"net/http"
	"slices"
)

// product is a destination that a double stands for.
type product struct {
	group, name string
	component   string
	config      func(at string) object
	document    object // what tykfilter makes of records, nil without
	// wire tells the records of a request over HTTP.
	wire func(r *http.Request, body []byte) ([]item, error)
	// say answers to a request that was taken, with what became of each item.
	say func(w http.ResponseWriter, items []item)
	// line tells the record of a message over TCP, and end is what follows each message.
	line func(message []byte) (item, error)
	end  byte
	// partial is whether some records of a request may be taken for now, and others not.
	partial bool
	refusal refusal
}

// refusal is what a record that is refused for good does to the others of its request.
type refusal int

const (
	ofAll    refusal = iota // none is stored
	ofItself                // they are stored, and the answer says which they are
	ofSome                  // they are stored, and the answer does not say which they are
)

// item is a record as a destination gets it.
type item struct {
	// id is what the destination knows a record by: one that it has is not stored again. It is empty where the
	// destination knows none.
	id     string
	alias  string
	key    string // by which the answer names it
	body   string
	status int // of what became of it
}

// products are all destinations over HTTP and TCP. UDP promises nothing that could be checked.
var products = []product{
	{
		group: "splunk", name: "Splunk HEC", component: "splunk_hec", document: object{"format": "splunk", "fields": []string{"path", "alias"}},
		config: at("http", "/services/collector/event/1.0", object{"token": "t", "sending_queue": object{"enabled": false}}),
		wire:   splunkEvents, say: text(http.StatusOK, `{"text":"Success","code":0}`),
	},
	{
		group: "opensearch", name: "OpenSearch", component: "tykopensearch", config: at("http", "", nil),
		wire: bulkDocuments, say: sayBulk, partial: true, refusal: ofItself,
	},
	{
		group: "influx", name: "InfluxDB", component: "tykinflux",
		config: at("http", "", object{"database_name": "tyk", "fields": []string{"raw_request", "request_time"}}),
		wire:   influxLines, say: text(http.StatusNoContent, ""), refusal: ofSome,
	},
	{
		group: "logzio", name: "Logz.io", component: "tyklogzio", config: at("http", "", object{"token": "t"}),
		wire: jsonLines(func(line *aliased) string { return aliasOfRequest(line.RawRequest) }), say: text(http.StatusOK, ""), refusal: ofSome,
	},
	{
		group: "moesif", name: "Moesif", component: "tykmoesif", config: at("http", "", object{"application_id": "a", "sampling": false}),
		wire: moesifEvents, say: text(http.StatusCreated, ""),
	},
	{
		group: "resurface", name: "Resurface", component: "tykresurface",
		config: at("http", "/message", object{"rules": "include debug\nallow_http_url"}),
		wire:   resurfaceMessages, say: text(http.StatusNoContent, ""),
	},
	{
		group: "segment", name: "Segment", component: "tyksegment", config: at("http", "/v1/batch", object{"segment_write_key": "k"}),
		wire: segmentEvents, say: text(http.StatusOK, `{"success":true}`),
	},
	{
		group: "sqs", name: "SQS, a standard queue", component: "tyksqs", config: amazon("queue"),
		wire: sqsMessages, say: saySQS, partial: true, refusal: ofItself,
	},
	{
		group: "fifo", name: "SQS, a FIFO queue", component: "tyksqs", config: amazon("queue.fifo"),
		wire: sqsMessages, say: saySQS, partial: true, refusal: ofItself,
	},
	{
		group: "kinesis", name: "Kinesis", component: "tykkinesis", config: amazon(""),
		wire: kinesisRecords, say: sayKinesis, partial: true,
	},
	{
		group: "graylog", name: "Graylog over HTTP", component: "tykgelf",
		config: func(at string) object {
			return object{"http": object{"endpoint": "http://" + at + "/gelf", "bulk": true}}
		},
		wire: jsonLines(func(line *aliased) string { return line.OfGELF }), say: text(http.StatusAccepted, ""),
	},
	{
		group: "gelf", name: "Graylog over TCP", component: "tykgelf", config: at("", "", nil), end: 0,
		line: ofJSON(func(line *aliased) string { return line.OfGELF }),
	},
	{
		group: "syslog", name: "syslog over TCP", component: "tyksyslog", config: at("", "", nil), end: '\n',
		line: func(message []byte) (item, error) {
			return ofJSON(func(line *aliased) string { return line.Alias })(message[max(bytes.IndexByte(message, '{'), 0):])
		},
	},
	{
		group: "statsd", name: "StatsD over TCP", component: "tykstatsd", end: '\n', line: statsdLine,
		config: at("", "", object{"transport": "tcp", "dialect": "dogstatsd", "tags": []string{"alias"}}),
	},
}

// groupHybrid delivers to Tyk's MDCB, which is a process of its own.
const groupHybrid = "hybrid"

// doublesPerSeed is how many destinations a seed has beside its stores.
const doublesPerSeed = 3

// destinationsOf chooses for a seed, so that each destination comes as often as any other.
func destinationsOf(seed uint64) []string {
	groups := allDestinations()
	rounds := uint64(len(groups) / doublesPerSeed)
	d := newDice(seed/rounds, "destinations")
	d.Shuffle(len(groups), func(i, j int) { groups[i], groups[j] = groups[j], groups[i] })
	first := seed % rounds * doublesPerSeed
	return groups[first : first+doublesPerSeed]
}

// exporting adds what all exporters have. They wait for longer than any fault lasts, so that a machine with too much to do
// loses no answers.
func exporting(config object) object {
	timed := config
	if client, ok := config["http"].(object); ok {
		timed = client
	}
	timed["timeout"] = "30s"
	config["retry_on_failure"] = object{"initial_interval": "100ms", "max_interval": "1s", "max_elapsed_time": 0}
	return config
}

func (p *product) destination(at string) destination {
	return destination{component: p.component, config: exporting(p.config(at)), document: p.document}
}

// allDestinations names the groups of all doubles.
func allDestinations() []string {
	groups := []string{groupHybrid}
	for i := range products {
		groups = append(groups, products[i].group)
	}
	return groups
}

func productOf(group string) product {
	return products[slices.IndexFunc(products, func(p product) bool { return p.group == group })]
}

// at has an endpoint and other settings.
func at(scheme, path string, more object) func(string) object {
	return func(at string) object {
		config := object{"endpoint": at}
		if scheme != "" {
			config["endpoint"] = scheme + "://" + at + path
		}
		for key, value := range more {
			config[key] = value
		}
		return config
	}
}

func amazon(queue string) func(string) object {
	return func(at string) object {
		config := object{"endpoint": "http://" + at, "region": "eu-west-1", "access_key_id": "key", "secret_access_key": "secret"}
		switch queue {
		case "":
			config["stream_name"] = "stream"
		case "queue":
			config["queue_url"] = "http://" + at + "/1/queue"
		default:
			config["queue_url"], config["message_group_by"] = "http://"+at+"/1/"+queue, "org_id"
		}
		return config
	}
}
