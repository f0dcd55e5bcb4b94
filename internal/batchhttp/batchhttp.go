// Package batchhttp sends records in batches to servers whose answers say what became of them.
package batchhttp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/otelcol-tyk/otelcol-tyk/internal/netaddr"
)

// answerBytes bounds what is read of an answer that is only told.
const answerBytes = 64 << 10

// NewClient makes a client of an exporter's settings.
func NewClient(ctx context.Context, config *confighttp.ClientConfig, host component.Host, set component.TelemetrySettings) (*http.Client, error) {
	client, err := config.ToClient(ctx, host.GetExtensions(), set)
	if err != nil {
		return nil, err
	}
	client.CheckRedirect = onlyPosts
	return client, nil
}

// onlyPosts follows redirections that post elsewhere on the same host. Others would become a GET, whose answer says
// nothing about the records, or take headers with credentials to a server that nobody has configured.
func onlyPosts(request *http.Request, via []*http.Request) error {
	const most = 10
	from := via[len(via)-1].URL
	if request.Method != http.MethodPost || len(via) >= most || request.URL.Hostname() != from.Hostname() || from.Scheme == "https" && request.URL.Scheme != "https" {
		return http.ErrUseLastResponse
	}
	return nil
}

// Answer is what a server said.
type Answer struct {
	// Code is the status.
	Code int
	// Body is its text, or the beginning of a long one.
	Body []byte
	// Header has what the server said beside.
	Header http.Header

	location string
	delay    time.Duration
}

// Post sends a request and reads the answer, or the beginning of a long one. An error does not show the
// address's query, which may hold a token.
func Post(client *http.Client, request *http.Request) (*Answer, error) {
	return PostAndRead(client, request, answerBytes)
}

// PostAndRead is Post for an answer of which up to most bytes are needed.
func PostAndRead(client *http.Client, request *http.Request, most int64) (*Answer, error) {
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("send the request: %w", netaddr.BareError(err))
	}
	defer func() { _ = response.Body.Close() }() // after it was read
	body, err := io.ReadAll(io.LimitReader(response.Body, most))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	location, _ := netaddr.Bare(response.Header.Get("Location"))
	return &Answer{
		Code: response.StatusCode, Body: body, Header: response.Header, location: location,
		delay: retryAfter(response.Header.Get("Retry-After"), time.Now()),
	}, nil
}

// Err is the error of an answer after which the same records may be taken later, with the delay
// that the server asks for. remedy says what people can do about it, and may be empty.
func (a *Answer) Err(server, text, remedy string) error {
	err := fmt.Errorf("%s answered %d %s: %s", server, a.Code, http.StatusText(a.Code), text)
	switch {
	case remedy != "":
		err = fmt.Errorf("%w: %s", err, remedy)
	case a.location != "":
		err = fmt.Errorf("%w: it leads to %s: set endpoint to %s itself", err, a.location, server)
	}
	return after(err, a.delay)
}

// Throttled is an error with the delay that an answer's header asks for, if it does.
func Throttled(err error, header http.Header) error {
	return after(err, retryAfter(header.Get("Retry-After"), time.Now()))
}

func after(err error, delay time.Duration) error {
	if delay > 0 {
		return &throttled{error: exporterhelper.NewThrottleRetry(err, delay), delay: delay}
	}
	return err
}

// throttled is a throttle's error, with the delay that the collector keeps to itself.
type throttled struct {
	error

	delay time.Duration
}

// Unwrap gives the error that the collector's retries look for.
func (t *throttled) Unwrap() error { return t.error }

// delayOf is the delay that an error asks for, or 0.
func delayOf(err error) time.Duration {
	if t, ok := errors.AsType[*throttled](err); ok {
		return t.delay
	}
	return 0
}

// Outcome is OutcomeOf the status, unless the answer is a page.
func (a *Answer) Outcome() Outcome {
	outcome := OutcomeOf(a.Code)
	if outcome == Accepted && a.isPage() {
		return Later
	}
	return outcome
}

// isPage tells whether the answer is a page for people, as of a proxy that wants a login: its status says nothing
// about records.
func (a *Answer) isPage() bool {
	return bytes.HasPrefix(bytes.TrimSpace(bytes.TrimPrefix(a.Body, []byte("\ufeff"))), []byte("<"))
}

// Verdicts is the answer as a Sender takes it: one verdict on all items of the request. remedies say what people
// can do about a status, and may lack most.
func (a *Answer) Verdicts(outcome Outcome, server string, remedies map[int]string) []Verdict {
	if outcome == Accepted {
		return Whole(Accepted, nil)
	}
	return Whole(outcome, a.Err(server, Shortened(string(a.Body)), remedies[a.Code]))
}

// maxDelay bounds what is believed of a server's wish.
const maxDelay = 5 * time.Minute

// retryAfter reads the header: seconds, or a date.
func retryAfter(value string, now time.Time) time.Duration {
	delay := time.Duration(0)
	if seconds, err := strconv.ParseUint(strings.TrimSpace(value), 10, 31); err == nil {
		delay = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		delay = at.Sub(now)
	}
	return min(max(delay, 0), maxDelay)
}

// answerShown bounds what is told of an answer, which may be a page.
const answerShown = 1000

// Shortened is a text as messages show it.
func Shortened(text string) string {
	text = strings.TrimSpace(text)
	if len(text) > answerShown {
		text = strings.ToValidUTF8(text[:answerShown], "") + "..."
	}
	return text
}
