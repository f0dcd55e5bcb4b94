package tykinfluxexporter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"

	"go.opentelemetry.io/collector/config/configopaque"

	"github.com/otelcol-tyk/otelcol-tyk/internal/batchhttp"
)

// writer posts lines to one InfluxDB. Points that are written again overwrite themselves.
type writer struct {
	batchhttp.Sender

	client   *http.Client
	address  string
	user     string
	password configopaque.String
	token    configopaque.String
}

func newWriter(config *Config, address string) *writer {
	w := &writer{address: address, user: config.Username, password: config.Password, token: config.Token}
	w.Sender = batchhttp.Sender{Request: w.post, MaxBytes: config.MaxRequestBytes}
	return w
}

// post sends one request.
func (w *writer) post(ctx context.Context, lines []batchhttp.Item) []batchhttp.Verdict {
	if len(lines) == 1 && len(lines[0].Body) > maxRequestBytes {
		return batchhttp.Whole(batchhttp.TooLarge, fmt.Errorf("a line of %d bytes is more than InfluxDB takes", len(lines[0].Body)))
	}
	var body bytes.Buffer
	for i := range lines {
		body.Write(lines[i].Body)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.address, &body)
	if err != nil {
		return batchhttp.Whole(batchhttp.Later, fmt.Errorf("ask InfluxDB: %w", err))
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
		return batchhttp.Whole(batchhttp.Later, fmt.Errorf("ask InfluxDB: %w", err))
	}
	text := answerText(answer.Body)
	outcome := classify(answer.Code, string(answer.Body))
	if outcome == batchhttp.Later {
		return batchhttp.Whole(outcome, answer.Err("InfluxDB", text, remedy(answer.Code, text)))
	}
	return batchhttp.Whole(outcome, errors.New(text))
}
