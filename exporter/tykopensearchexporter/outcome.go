package tykopensearchexporter

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/batchhttp"
)

// bulkAnswer is what a server says of a bulk request, as far as it is asked for.
type bulkAnswer struct {
	Items []struct {
		Create *itemAnswer `json:"create"`
	} `json:"items"`
}

// itemAnswer is what it says of one document.
type itemAnswer struct {
	Status int       `json:"status"`
	Error  itemError `json:"error"`
}

// itemError is why a document was not stored.
type itemError struct {
	Type     string     `json:"type"`
	Reason   string     `json:"reason"`
	CausedBy *itemError `json:"caused_by"`
}

// String is the error as people see it.
func (e *itemError) String() string {
	var parts []string
	for ; e != nil; e = e.CausedBy {
		parts = append(parts, strings.Trim(e.Type+": "+e.Reason, ": "))
	}
	return batchhttp.Shortened(strings.Join(parts, ": "))
}

// remedies say what to do about a request that only people can make go through.
var remedies = map[int]string{
	http.StatusOK:               notBulk,
	http.StatusUnauthorized:     "check username and password, api_key, or auth",
	http.StatusForbidden:        "give the user the right to create documents in the index",
	http.StatusNotFound:         notBulk,
	http.StatusMethodNotAllowed: notBulk,
}

const notBulk = "is endpoint another server's, or a proxy's page?"

// verdicts reads an answer. What is not known waits: nothing is given up that can heal.
func verdicts(answer *batchhttp.Answer, items []batchhttp.Item) []batchhttp.Verdict {
	if answer.Code != http.StatusOK {
		outcome := batchhttp.OutcomeOf(answer.Code)
		text := batchhttp.Shortened(string(answer.Body))
		remedy := remedies[answer.Code]
		switch {
		case outcome == batchhttp.Accepted:
			outcome, remedy = batchhttp.Later, notBulk
		case answer.Code == http.StatusBadRequest && strings.Contains(text, "[_type]"):
			outcome, remedy = batchhttp.Later, "leave document_type out, which only servers before Elasticsearch 7 have"
		}
		return batchhttp.Whole(outcome, answer.Err("OpenSearch", text, remedy))
	}
	var said bulkAnswer
	if err := json.Unmarshal(answer.Body, &said); err != nil || len(said.Items) != len(items) {
		return batchhttp.Whole(batchhttp.Later, answer.Err("OpenSearch", batchhttp.Shortened(string(answer.Body)), notBulk))
	}
	all := make([]batchhttp.Verdict, len(items))
	for i := range said.Items {
		if said.Items[i].Create == nil {
			all[i].Err = errors.New("OpenSearch answered something else than was asked: " + notBulk)
			continue
		}
		all[i] = said.Items[i].Create.verdict(items[i].Place)
	}
	return all
}

// ofTheIndex are errors of status 400 that no document is to blame for: whoever mends the index, the cluster or
// the settings makes the same documents go through.
var ofTheIndex = regexp.MustCompile(`^(validation_exception|invalid_index_name_exception|index_closed_exception|resource_already_exists_exception)\b` +
	`|maximum (normal )?shards open|pipeline with id \[|no write index|more than 1 type|Limit of total fields|data stream|types are not supported`)

// verdict reads what became of one document.
func (a *itemAnswer) verdict(index string) batchhttp.Verdict {
	text := a.Error.String()
	outcome, remedy := batchhttp.Later, ""
	switch {
	case a.Status >= http.StatusOK && a.Status < http.StatusMultipleChoices, a.Status == http.StatusConflict:
		return batchhttp.Verdict{Outcome: batchhttp.Accepted} // in a conflict, it was there
	case a.Status == http.StatusBadRequest && ofTheIndex.MatchString(text):
		remedy = "mend the index, or index_name and document_type"
	case a.Status == http.StatusBadRequest:
		outcome = batchhttp.Refused
	case a.Status == http.StatusRequestEntityTooLarge:
		outcome = batchhttp.TooLarge
	case a.Status == http.StatusUnauthorized, a.Status == http.StatusForbidden && a.Error.Type != "cluster_block_exception":
		remedy = remedies[http.StatusForbidden]
	case a.Status == http.StatusForbidden:
		remedy = "lift the block of the index, which a full disk may have set"
	case a.Status == http.StatusNotFound:
		remedy = "create the index, or let the server create it (action.auto_create_index)"
	default: // the reason has addresses of objects, which differ each time
		text = a.Error.Type
	}
	err := fmt.Errorf("OpenSearch answered %d to a document of the index %q: %s", a.Status, index, text)
	if remedy != "" {
		err = fmt.Errorf("%w: %s", err, remedy)
	}
	return batchhttp.Verdict{Outcome: outcome, Err: err}
}
