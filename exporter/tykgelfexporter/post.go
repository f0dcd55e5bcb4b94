package tykgelfexporter

import (
	"bytes"
	"context"
	"fmt"
	"net/http"

	"github.com/otelcol-tyk/otelcol-tyk/internal/batchhttp"
)

// parallel is how many requests of a push are under way at once.
const parallel = 8

// poster posts messages to one input.
type poster struct {
	batchhttp.Sender

	client *http.Client
	config *HTTPConfig
}

func newPoster(config *HTTPConfig) *poster {
	p := &poster{config: config}
	p.Sender = batchhttp.Sender{Request: p.post, MaxItems: 1, Parallel: parallel}
	if config.Bulk {
		p.MaxItems, p.MaxBytes, p.Between = 0, config.MaxRequestBytes, len("\n")
	}
	return p
}

// classify reads an answer. What is not known waits: nothing is given up that can heal.
func classify(code int) batchhttp.Outcome {
	outcome := batchhttp.OutcomeOf(code)
	switch {
	case outcome == batchhttp.Accepted && code != http.StatusAccepted: // a page of something between answers 200
		return batchhttp.Later
	case code == http.StatusForbidden: // a firewall in between may be meant
		return batchhttp.Unclear
	}
	return outcome
}

// remedies say what to do about an answer that only people can change.
var remedies = map[int]string{
	http.StatusOK:               "a GELF input says 202: is endpoint another server's, or a proxy's page?",
	http.StatusUnauthorized:     "check headers and auth below http",
	http.StatusForbidden:        "check headers and auth below http",
	http.StatusNotFound:         "does endpoint end in the input's path, /gelf?",
	http.StatusMethodNotAllowed: "does endpoint end in the input's path, /gelf?",
}

// post posts one request.
func (p *poster) post(ctx context.Context, messages []batchhttp.Item) []batchhttp.Verdict {
	var body bytes.Buffer
	for i := range messages {
		if i > 0 {
			body.WriteByte('\n')
		}
		body.Write(messages[i].Body)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.config.Client.Endpoint, &body)
	if err != nil {
		return batchhttp.Whole(batchhttp.Later, fmt.Errorf("ask Graylog: %w", err))
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := batchhttp.Post(p.client, request)
	if err != nil {
		return batchhttp.Whole(batchhttp.Later, fmt.Errorf("ask Graylog: %w", err))
	}
	return answer.Verdicts(classify(answer.Code), "Graylog", remedies)
}
