//go:build e2e || chaos

package chaos

import (
	"bytes"
	"crypto/md5" //nolint:gosec // SQS' answers have such sums
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
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

// exporting adds what all exporters have: they give up an attempt soon, because a server that is frozen does not answer.
func exporting(config object) object {
	timed := config
	if client, ok := config["http"].(object); ok {
		timed = client
	}
	timed["timeout"] = "5s"
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

func text(status int, body string) func(http.ResponseWriter, []item) {
	return func(w http.ResponseWriter, _ []item) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// aliased is where documents have the alias.
type aliased struct {
	Alias      string `json:"alias"`
	OfGELF     string `json:"_tyk_api_apikey_alias"`
	RawRequest string `json:"raw_request"`
}

func ofJSON(alias func(*aliased) string) func(text []byte) (item, error) {
	return func(text []byte) (item, error) {
		var line aliased
		err := json.Unmarshal(text, &line)
		return item{alias: alias(&line)}, err
	}
}

func jsonLines(alias func(*aliased) string) func(*http.Request, []byte) ([]item, error) {
	return func(_ *http.Request, body []byte) ([]item, error) { return eachLine(body, ofJSON(alias)) }
}

func eachLine(body []byte, read func([]byte) (item, error)) ([]item, error) {
	var items []item
	for line := range bytes.Lines(body) {
		one, err := read(line)
		if err != nil {
			return nil, err
		}
		items = append(items, one)
	}
	return items, nil
}

func splunkEvents(_ *http.Request, body []byte) ([]item, error) {
	var items []item
	for events := json.NewDecoder(bytes.NewReader(body)); ; {
		var line struct{ Event aliased }
		err := events.Decode(&line)
		if errors.Is(err, io.EOF) {
			return items, nil
		}
		if err != nil {
			return nil, err
		}
		items = append(items, item{alias: line.Event.Alias})
	}
}

// bulkDocuments reads pairs of lines.
func bulkDocuments(_ *http.Request, body []byte) ([]item, error) {
	create := ""
	items, err := eachLine(body, func(line []byte) (item, error) {
		if create == "" {
			create = string(line)
			return item{}, nil
		}
		var action struct {
			Create struct {
				Index string `json:"_index"`
				ID    string `json:"_id"`
			}
		}
		one, err := ofJSON(func(line *aliased) string { return line.Alias })(line)
		err = errors.Join(err, json.Unmarshal([]byte(create), &action))
		one.id, create = action.Create.Index+" "+action.Create.ID, ""
		return one, err
	})
	return slices.DeleteFunc(items, func(i item) bool { return i.id == "" }), err
}

func sayBulk(w http.ResponseWriter, items []item) {
	answers := make([]object, len(items))
	for i := range items {
		one := object{"status": items[i].status}
		if items[i].status >= http.StatusBadRequest {
			one["error"] = object{"type": "made_by_the_harness", "reason": "as a real one"}
		}
		answers[i] = object{"create": one}
	}
	_ = json.NewEncoder(w).Encode(object{"items": answers})
}

// recordedAlias is how a recorded request tells the record's alias.
var recordedAlias = regexp.MustCompile(`X-Record: (.*)\r\n`)

// recorded is a request that tells the alias, for destinations that get no alias itself.
func recorded(alias string) string {
	return base64.StdEncoding.EncodeToString([]byte("GET / HTTP/1.1\r\nHost: upstream.example\r\nX-Record: " + alias + "\r\n\r\n"))
}

// aliasOfRequest gives the alias that a recorded request tells, or none.
func aliasOfRequest(raw string) string {
	text, _ := base64.StdEncoding.DecodeString(raw)
	found := recordedAlias.FindSubmatch(text)
	if found == nil {
		return ""
	}
	return string(found[1])
}

var (
	rawRequest = regexp.MustCompile(`raw_request="([^"]*)"`)
	tags       = regexp.MustCompile(`^(\\.|[^\\ ])*`)
)

// influxLines reads points: one of the same tags and time is the same point.
func influxLines(_ *http.Request, body []byte) ([]item, error) {
	return eachLine(body, func(line []byte) (item, error) {
		found := rawRequest.FindSubmatch(line)
		if found == nil {
			return item{}, fmt.Errorf("a point without raw_request: %.200s", line)
		}
		return item{id: string(tags.Find(line)) + string(line[bytes.LastIndexByte(line, ' '):]), alias: aliasOfRequest(string(found[1]))}, nil
	})
}

func moesifEvents(r *http.Request, body []byte) ([]item, error) {
	if r.Method == http.MethodGet {
		return nil, nil // the application's settings
	}
	var events []struct {
		UserID string `json:"user_id"`
	}
	err := json.Unmarshal(body, &events)
	items := make([]item, len(events))
	for i := range events {
		items[i].alias = events[i].UserID
	}
	return items, err
}

func resurfaceMessages(_ *http.Request, body []byte) ([]item, error) {
	return eachLine(body, func(line []byte) (item, error) {
		var details [][2]string
		err := json.Unmarshal(line, &details)
		for _, d := range details {
			if d[0] == "request_header:x-record" {
				return item{alias: d[1]}, err
			}
		}
		return item{}, errors.Join(err, fmt.Errorf("a message without its record: %.200s", line))
	})
}

func segmentEvents(_ *http.Request, body []byte) ([]item, error) {
	var request struct {
		Batch []struct {
			MessageID  string `json:"messageId"`
			Properties aliased
		}
	}
	err := json.Unmarshal(body, &request)
	items := make([]item, len(request.Batch))
	for i, event := range request.Batch {
		items[i] = item{id: event.MessageID, alias: event.Properties.Alias}
	}
	return items, err
}

func sqsMessages(_ *http.Request, body []byte) ([]item, error) {
	var request struct {
		Entries []struct {
			ID          string `json:"Id"`
			MessageBody string
			Dedup       string `json:"MessageDeduplicationId"`
		}
	}
	err := json.Unmarshal(body, &request)
	items := make([]item, len(request.Entries))
	for i, entry := range request.Entries {
		one, readErr := ofJSON(func(line *aliased) string { return line.Alias })([]byte(entry.MessageBody))
		err = errors.Join(err, readErr)
		one.id, one.key, one.body = entry.Dedup, entry.ID, entry.MessageBody
		items[i] = one
	}
	return items, err
}

func saySQS(w http.ResponseWriter, items []item) {
	taken, failed := []object{}, []object{}
	for i := range items {
		switch items[i].status {
		case http.StatusOK:
			sum := md5.Sum([]byte(items[i].body)) //nolint:gosec // what SQS answers
			taken = append(taken, object{"Id": items[i].key, "MessageId": strconv.Itoa(i), "MD5OfMessageBody": hex.EncodeToString(sum[:])})
		case http.StatusBadRequest:
			failed = append(failed, object{"Id": items[i].key, "Code": "InvalidMessageContents", "SenderFault": true})
		default:
			failed = append(failed, object{"Id": items[i].key, "Code": "InternalFailure", "SenderFault": false})
		}
	}
	_ = json.NewEncoder(w).Encode(object{"Successful": taken, "Failed": failed})
}

func kinesisRecords(_ *http.Request, body []byte) ([]item, error) {
	var request struct{ Records []struct{ Data []byte } }
	err := json.Unmarshal(body, &request)
	items := make([]item, len(request.Records))
	for i := range request.Records {
		one, readErr := ofJSON(func(line *aliased) string { return line.Alias })(request.Records[i].Data)
		err = errors.Join(err, readErr)
		items[i] = one
	}
	return items, err
}

// sayKinesis tells of each record.
func sayKinesis(w http.ResponseWriter, items []item) {
	records := make([]object, len(items))
	for i := range items {
		records[i] = object{"SequenceNumber": strconv.Itoa(i + 1), "ShardId": "0"}
		if items[i].status != http.StatusOK {
			records[i] = object{"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "made by the harness"}
		}
	}
	_ = json.NewEncoder(w).Encode(object{"Records": records})
}

// statsdLine reads the tag alias.
func statsdLine(line []byte) (item, error) {
	_, alias, found := strings.Cut(strings.TrimSuffix(string(line), "\n"), "alias:")
	if !found {
		return item{}, fmt.Errorf("a line without alias: %q", line)
	}
	return item{alias: alias}, nil
}

// callRecords are those of a call of MDCB.
func callRecords(argument string) ([]item, error) {
	var records []aliased
	err := json.Unmarshal([]byte(argument), &records)
	items := make([]item, len(records))
	for i := range records {
		items[i].alias = records[i].Alias
	}
	return items, err
}
