package tykinfluxexporter

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/exporter/exporterhelper"
)

// outcome is what an answer of InfluxDB means.
type outcome int

const (
	// stored: all lines are.
	stored outcome = iota
	// refusedSome: one line or more can never be stored, and the others may not be.
	refusedSome
	// tooLarge: fewer lines may be taken.
	tooLarge
	// waits: the same lines may be taken later.
	waits
)

// aboutLines are InfluxDB's words where lines are at fault, not the request, the database
// or what is between it and here.
var aboutLines = regexp.MustCompile(`partial write|unable to parse|failed to parse|field type conflict|retention policy dropped|outside range|unprocessable`)

// limitReached are InfluxDB 1's words where it may not have more series, or more values of a tag: whoever
// raises the limit, or drops what is old, makes room for the same lines.
var limitReached = regexp.MustCompile(`max-(series-per-database|values-per-tag) limit exceeded`)

// classify reads an answer. What is not known waits: nothing is given up that can heal.
func classify(status int, text string) outcome {
	switch {
	case status == http.StatusNoContent: // a page of something between answers 200
		return stored
	case status == http.StatusRequestEntityTooLarge:
		return tooLarge
	case limitReached.MatchString(text):
		return waits
	case (status == http.StatusBadRequest || status == http.StatusUnprocessableEntity) && aboutLines.MatchString(text):
		return refusedSome
	}
	return waits
}

// remedies say what to do about an answer that only people can change.
var remedies = map[int]string{
	http.StatusUnauthorized: "check username and password, or token",
	http.StatusForbidden:    "give the user, or the token, the right to write",
	http.StatusNotFound:     "create the database, or the organization and the bucket",
	http.StatusOK:           "InfluxDB says 204 to a write: is endpoint another server's, or a proxy's page?",
}

// waitError is the error of an answer that waits, with the delay that InfluxDB asks for.
func waitError(response *http.Response, text string) error {
	err := fmt.Errorf("InfluxDB answered %s: %s", response.Status, text)
	to := response.Header.Get("Location")
	switch remedy, ok := remedies[response.StatusCode]; {
	case ok:
		err = fmt.Errorf("%w: %s", err, remedy)
	case limitReached.MatchString(text):
		err = fmt.Errorf("%w: raise the limit in InfluxDB, or leave tags of many values out of tags", err)
	case to != "":
		err = fmt.Errorf("%w: it leads to %s: set endpoint to InfluxDB itself", err, to)
	}
	if delay := retryAfter(response.Header.Get("Retry-After"), time.Now()); delay > 0 {
		return exporterhelper.NewThrottleRetry(err, delay)
	}
	return err
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

// answerText is what an answer says, without its JSON.
func answerText(body []byte) string {
	var answer struct {
		Error   string `json:"error"`   // InfluxDB 1
		Message string `json:"message"` // InfluxDB 2
		Code    string `json:"code"`
	}
	if json.Unmarshal(body, &answer) == nil {
		if text := strings.TrimSpace(answer.Error + answer.Message); text != "" {
			return shortened(text)
		}
	}
	return shortened(string(body))
}

// answerShown bounds what is told of an answer, which may be a page.
const answerShown = 1000

func shortened(text string) string {
	text = strings.TrimSpace(text)
	if len(text) > answerShown {
		text = strings.ToValidUTF8(text[:answerShown], "") + "..."
	}
	return text
}
