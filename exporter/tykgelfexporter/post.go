package tykgelfexporter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"

	"github.com/cespare/xxhash/v2"

	"github.com/otelcol-tyk/otelcol-tyk/internal/batchhttp"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
)

// parallel is how many requests of a push are under way at once.
const parallel = 8

// poster posts messages to one input.
type poster struct {
	client   *http.Client
	config   *HTTPConfig
	evidence sink.Evidence
}

// posted is what became of messages.
type posted struct {
	accepted map[int32]bool // by their places in the push
	refused  []sink.Refusal
}

// outcome is what an answer means.
type outcome int

const (
	// accepted: the input has the messages.
	accepted outcome = iota
	// tooLarge: fewer messages may be taken.
	tooLarge
	// unclear: a message may be at fault, as one that a firewall in between takes for an attack, or all requests are.
	unclear
	// waits: the same messages may be taken later.
	waits
)

// classify reads an answer. What is not known waits: nothing is given up that can heal.
func classify(code int) outcome {
	switch code {
	case http.StatusAccepted: // a page of something between answers 200
		return accepted
	case http.StatusRequestEntityTooLarge:
		return tooLarge
	case http.StatusBadRequest, http.StatusForbidden, http.StatusUnprocessableEntity:
		return unclear
	}
	return waits
}

// remedies say what to do about an answer that only people can change.
var remedies = map[int]string{
	http.StatusOK:               "a GELF input says 202: is endpoint another server's, or a proxy's page?",
	http.StatusUnauthorized:     "check headers and auth below http",
	http.StatusForbidden:        "check headers and auth below http",
	http.StatusNotFound:         "does endpoint end in the input's path, /gelf?",
	http.StatusMethodNotAllowed: "does endpoint end in the input's path, /gelf?",
}

// answer is what became of one request.
type answer struct {
	outcome outcome
	text    string
	err     error // of one that waits
}

// post posts messages, each once. Those of requests that are not taken are posted in halves, down to single ones.
// An error asks for another attempt with all that were not accepted.
func (p *poster) post(ctx context.Context, messages []message) (posted, error) {
	result := posted{accepted: make(map[int32]bool, len(messages))}
	var doubtful []doubt
	for requests := p.requests(messages); len(requests) > 0; {
		var again [][]message
		answers := p.postAll(ctx, requests)
		var failed error
		for i, request := range requests {
			a := answers[i]
			switch {
			case a.outcome == waits:
				if failed == nil {
					failed = a.err
				}
			case a.outcome == accepted:
				for j := range request {
					result.accepted[request[j].entry] = true
				}
			case len(request) > 1:
				again = append(again, request[:len(request)/2], request[len(request)/2:])
			case a.outcome == tooLarge:
				result.refused = append(result.refused, sink.Refusal{Entry: request[0].entry, Reason: reasonTooLarge, Text: a.text})
			default:
				doubtful = append(doubtful, doubt{message: request[0], text: a.text})
			}
		}
		if failed != nil {
			return result, failed
		}
		requests = again
	}
	err := p.settle(&result, doubtful)
	return result, err
}

// doubt is a message that was not taken where it is unclear whether it is at fault.
type doubt struct {
	message

	text string
}

// settle refuses what is in doubt, if others were accepted beside it or between its failures.
func (p *poster) settle(result *posted, doubtful []doubt) error {
	if len(result.accepted) > 0 {
		p.evidence.Accepted(p.config.Client.Endpoint)
	}
	var waiting error
	for _, d := range doubtful {
		finding := p.evidence.Failed(sink.Failure{
			Place: p.config.Client.Endpoint, Item: strconv.FormatUint(xxhash.Sum64(d.pieces[0]), 16), Fault: d.text,
			Beside: len(result.accepted) > 0, Enough: 1,
		})
		if finding == sink.Blamed {
			result.refused = append(result.refused, sink.Refusal{Entry: d.entry, Reason: reasonInvalid, Text: d.text})
		} else {
			waiting = errors.New(d.text)
		}
	}
	return waiting
}

// requests puts as many messages together as a request may have.
func (p *poster) requests(messages []message) [][]message {
	var requests [][]message
	for first := 0; first < len(messages); {
		size, end := len(messages[first].pieces[0]), first+1
		for p.config.Bulk && end < len(messages) && size+1+len(messages[end].pieces[0]) <= p.config.MaxRequestBytes {
			size += 1 + len(messages[end].pieces[0])
			end++
		}
		requests = append(requests, messages[first:end])
		first = end
	}
	return requests
}

// postAll posts requests, some at once, and none after one that waits.
func (p *poster) postAll(ctx context.Context, requests [][]message) []answer {
	answers := make([]answer, len(requests))
	var mu sync.Mutex // guards the next two
	next, stopped := 0, error(nil)
	take := func() (i int, err error) {
		mu.Lock()
		defer mu.Unlock()
		next++
		return next - 1, stopped
	}
	var workers sync.WaitGroup
	for range min(parallel, len(requests)) {
		workers.Go(func() {
			for {
				i, err := take()
				if i >= len(requests) {
					return
				}
				if err != nil {
					answers[i] = answer{outcome: waits, err: err}
					continue
				}
				answers[i] = p.postOne(ctx, requests[i])
				if answers[i].outcome == waits {
					mu.Lock()
					stopped = answers[i].err
					mu.Unlock()
				}
			}
		})
	}
	workers.Wait()
	return answers
}

// postOne posts one request.
func (p *poster) postOne(ctx context.Context, messages []message) answer {
	var body bytes.Buffer
	for i := range messages {
		if i > 0 {
			body.WriteByte('\n')
		}
		body.Write(messages[i].pieces[0])
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.config.Client.Endpoint, &body)
	if err != nil {
		return answer{outcome: waits, err: fmt.Errorf("ask Graylog: %w", err)}
	}
	request.Header.Set("Content-Type", "application/json")
	said, err := batchhttp.Post(p.client, request)
	if err != nil {
		return answer{outcome: waits, err: fmt.Errorf("ask Graylog: %w", err)}
	}
	a := answer{outcome: classify(said.Code)}
	err = said.Err("Graylog", batchhttp.Shortened(string(said.Body)), remedies[said.Code])
	if a.outcome == waits {
		a.err = err
	} else {
		a.text = err.Error()
	}
	return a
}
