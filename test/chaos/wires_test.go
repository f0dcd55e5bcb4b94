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
