package tyklogzioexporter

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/batchhttp"
)

// parallel is how many requests of a push are under way at once.
const parallel = 4

// poster posts lines to one listener.
type poster struct {
	batchhttp.Sender

	client  *http.Client
	address string
	hide    *strings.Replacer // takes the token out of what a server or a proxy says
}

func newPoster(config *Config) (*poster, error) {
	address, err := config.address()
	if err != nil {
		return nil, err
	}
	token := string(config.Token)
	p := &poster{address: address, hide: strings.NewReplacer(token, "(token)", url.QueryEscape(token), "(token)")}
	p.Sender = batchhttp.Sender{Request: p.post, MaxBytes: config.MaxRequestBytes, Parallel: parallel}
	return p, nil
}

// post posts one request.
func (p *poster) post(ctx context.Context, lines []batchhttp.Item) []batchhttp.Verdict {
	var body bytes.Buffer
	for i := range lines {
		body.Write(lines[i].Body)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.address, &body)
	if err != nil {
		return batchhttp.Whole(batchhttp.Later, errors.New("ask Logz.io: endpoint is no address")) // which has the token
	}
	request.Header.Set("Content-Type", "text/plain")
	answer, err := batchhttp.Post(p.client, request)
	if err != nil {
		return batchhttp.Whole(batchhttp.Later, fmt.Errorf("ask Logz.io: %w", err))
	}
	answer.Body = []byte(p.hide.Replace(string(answer.Body)))
	return verdicts(answer, lines)
}

// remedies say what to do about an answer that only people can change.
var remedies = map[int]string{
	http.StatusOK:               notListener,
	http.StatusUnauthorized:     "check token, and that endpoint is the listener of the account's region",
	http.StatusForbidden:        "check token, and whether the account may take logs",
	http.StatusNotFound:         notListener,
	http.StatusMethodNotAllowed: notListener,
}

const notListener = "is endpoint another server's, or a proxy's page?"

// counts are those of an answer 400: Logz.io has the lines that were successful.
type counts struct {
	Successful *int `json:"successfulLines"`
	Malformed  int  `json:"malformedLines"`
	Oversized  int  `json:"oversizedLines"`
}

// verdicts reads an answer. What is not known waits: nothing is given up that can heal.
func verdicts(answer *batchhttp.Answer, lines []batchhttp.Item) []batchhttp.Verdict {
	outcome, remedy := answer.Outcome(), remedies[answer.Code]
	if outcome == batchhttp.Accepted && answer.Code != http.StatusOK { // which the listener does not say
		outcome, remedy = batchhttp.Later, notListener
	}
	if outcome == batchhttp.Accepted {
		return batchhttp.Whole(outcome, nil)
	}
	err := answer.Err("Logz.io", batchhttp.Shortened(string(answer.Body)), remedy)
	if answer.Code == http.StatusBadRequest {
		var said counts
		if json.Unmarshal(answer.Body, &said) == nil && said.Successful != nil {
			return said.verdicts(lines, err)
		}
	}
	return batchhttp.Whole(outcome, err)
}

// verdicts tells which lines were not taken: the longest are those that are too long. Which are malformed nobody
// knows; halves find out, and the others of a half are sent again.
func (c *counts) verdicts(lines []batchhttp.Item, err error) []batchhttp.Verdict {
	if c.Malformed > 0 || *c.Successful+c.Oversized != len(lines) {
		return batchhttp.Whole(batchhttp.Refused, err)
	}
	byLength := make([]int, len(lines))
	all := make([]batchhttp.Verdict, len(lines))
	for i := range lines {
		byLength[i], all[i].Outcome = i, batchhttp.Accepted
	}
	slices.SortFunc(byLength, func(i, j int) int { return len(lines[j].Body) - len(lines[i].Body) })
	for _, i := range byLength[:c.Oversized] {
		all[i] = batchhttp.Verdict{Outcome: batchhttp.TooLarge, Err: err}
	}
	return all
}
