package tykopensearchexporter

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"net/http"
	"sync/atomic"

	"go.opentelemetry.io/collector/config/configopaque"

	"github.com/otelcol-tyk/otelcol-tyk/internal/batchhttp"
)

const (
	// parallel is how many requests of a push are under way at once.
	parallel = 4
	// answerBytes bounds what is read of an answer, which tells of each document.
	answerBytes = 64 << 20
)

// poster posts bulk requests to the servers of one cluster.
type poster struct {
	batchhttp.Sender

	client    *http.Client
	addresses []string
	next      atomic.Uint32
	user      string
	password  configopaque.String
	apiKey    configopaque.String
}

func newPoster(config *Config) (*poster, error) {
	addresses, err := config.addresses()
	if err != nil {
		return nil, err
	}
	p := &poster{addresses: addresses, user: config.Username, password: config.Password, apiKey: config.APIKey}
	p.Sender = batchhttp.Sender{Request: p.post, MaxBytes: config.MaxRequestBytes, Parallel: parallel}
	return p, nil
}

// post posts one request, to another server where one is away. A document that is posted twice is stored once.
func (p *poster) post(ctx context.Context, items []batchhttp.Item) []batchhttp.Verdict {
	var body bytes.Buffer
	for i := range items {
		body.Write(items[i].Body)
	}
	first := int(p.next.Add(1) & math.MaxInt32) // which every int holds
	var answer *batchhttp.Answer
	var err error
	for i := range p.addresses {
		answer, err = p.postTo(ctx, p.addresses[(first+i)%len(p.addresses)], body.Bytes())
		if ctx.Err() != nil || err == nil && !away(answer.Code) {
			break
		}
	}
	if err != nil {
		return batchhttp.Whole(batchhttp.Later, fmt.Errorf("ask OpenSearch: %w", err))
	}
	return verdicts(answer, items)
}

// away tells whether another server of the cluster may take what one did not.
func away(code int) bool {
	return code == http.StatusBadGateway || code == http.StatusServiceUnavailable || code == http.StatusGatewayTimeout
}

func (p *poster) postTo(ctx context.Context, address string, body []byte) (*batchhttp.Answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-ndjson")
	switch {
	case p.apiKey != "":
		request.Header.Set("Authorization", "ApiKey "+string(p.apiKey))
	case p.user != "":
		request.SetBasicAuth(p.user, string(p.password))
	}
	return batchhttp.PostAndRead(p.client, request, answerBytes)
}
