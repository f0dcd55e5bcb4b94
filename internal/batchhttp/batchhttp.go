// Package batchhttp sends records in batches to servers whose answers say what became of them.
package batchhttp

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/exporter/exporterhelper"
)

// answerBytes bounds what is read of an answer.
const answerBytes = 64 << 10

// OnlyPosts is for clients' CheckRedirect: it follows redirections that post elsewhere. Others would
// become a GET, whose answer says nothing about the records.
func OnlyPosts(request *http.Request, via []*http.Request) error {
	const most = 10
	if request.Method != http.MethodPost || len(via) >= most {
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

	status   string
	location string
	delay    time.Duration
}

// Post sends a request and reads the answer.
func Post(client *http.Client, request *http.Request) (*Answer, error) {
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("send the request: %w", err)
	}
	defer func() { _ = response.Body.Close() }() // after it was read
	body, err := io.ReadAll(io.LimitReader(response.Body, answerBytes))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	return &Answer{
		Code: response.StatusCode, Body: body, status: response.Status, location: response.Header.Get("Location"),
		delay: retryAfter(response.Header.Get("Retry-After"), time.Now()),
	}, nil
}

// Err is the error of an answer after which the same records may be taken later, with the delay
// that the server asks for. remedy says what people can do about it, and may be empty.
func (a *Answer) Err(server, text, remedy string) error {
	err := fmt.Errorf("%s answered %s: %s", server, a.status, text)
	switch {
	case remedy != "":
		err = fmt.Errorf("%w: %s", err, remedy)
	case a.location != "":
		err = fmt.Errorf("%w: it leads to %s: set endpoint to %s itself", err, a.location, server)
	}
	if a.delay > 0 {
		return exporterhelper.NewThrottleRetry(err, a.delay)
	}
	return err
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
