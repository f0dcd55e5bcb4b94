package tykinfluxexporter

import (
	"bytes"
	"context"
	"fmt"
	"net/http"

	"go.opentelemetry.io/collector/config/configopaque"

	"github.com/otelcol-tyk/otelcol-tyk/internal/batchhttp"
)

// writer posts lines to one InfluxDB.
type writer struct {
	client   *http.Client
	address  string
	maxBytes int
	user     string
	password configopaque.String
	token    configopaque.String
}

// refusedLine is one that will never be stored.
type refusedLine struct {
	line
	tooLarge bool
	text     string
}

// write stores lines. Where InfluxDB refuses some of them, or the request's size, halves
// find which; points that are written again overwrite themselves. An error asks for another
// attempt with all of them.
func (w *writer) write(ctx context.Context, lines []line) (refused []refusedLine, err error) {
	for len(lines) > 0 {
		n := w.fitting(lines)
		some, err := w.isolate(ctx, lines[:n])
		refused = append(refused, some...)
		if err != nil {
			return refused, err
		}
		lines = lines[n:]
	}
	return refused, nil
}

// fitting is how many lines fit into one request, one at least.
func (w *writer) fitting(lines []line) int {
	size := 0
	for i := range lines {
		size += len(lines[i].text)
		if size > w.maxBytes && i > 0 {
			return i
		}
	}
	return len(lines)
}

func (w *writer) isolate(ctx context.Context, lines []line) ([]refusedLine, error) {
	if len(lines) == 1 && len(lines[0].text) > maxRequestBytes {
		return []refusedLine{{line: lines[0], tooLarge: true, text: fmt.Sprintf("a line of %d bytes is more than InfluxDB takes", len(lines[0].text))}}, nil
	}
	result, text, err := w.post(ctx, lines)
	switch {
	case err != nil || result == stored:
		return nil, err
	case len(lines) == 1:
		return []refusedLine{{line: lines[0], tooLarge: result == tooLarge, text: text}}, nil
	}
	half := len(lines) / 2
	refused, err := w.isolate(ctx, lines[:half])
	if err != nil {
		return refused, err
	}
	others, err := w.isolate(ctx, lines[half:])
	return append(refused, others...), err
}

// post sends one request. Its error asks for another attempt.
func (w *writer) post(ctx context.Context, lines []line) (outcome, string, error) {
	var body bytes.Buffer
	for i := range lines {
		body.Write(lines[i].text)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.address, &body)
	if err != nil {
		return waits, "", fmt.Errorf("ask InfluxDB: %w", err)
	}
	request.Header.Set("Content-Type", "text/plain; charset=utf-8")
	switch {
	case w.token != "":
		request.Header.Set("Authorization", "Token "+string(w.token))
	case w.user != "":
		request.SetBasicAuth(w.user, string(w.password))
	}
	answer, err := batchhttp.Post(w.client, request)
	if err != nil {
		return waits, "", fmt.Errorf("ask InfluxDB: %w", err)
	}
	text := answerText(answer.Body)
	result := classify(answer.Code, string(answer.Body))
	if result == waits {
		err = answer.Err("InfluxDB", text, remedy(answer.Code, text))
	}
	return result, text, err
}
