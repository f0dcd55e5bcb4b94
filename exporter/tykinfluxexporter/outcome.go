package tykinfluxexporter

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/batchhttp"
)

// aboutLines are InfluxDB's words where lines are at fault, not the request, the database
// or what is between it and here.
var aboutLines = regexp.MustCompile(`partial write|unable to parse|failed to parse|field type conflict|retention policy dropped|outside range|unprocessable`)

// limitReached are InfluxDB 1's words where it may not have more series, or more values of a tag: whoever
// raises the limit, or drops what is old, makes room for the same lines.
var limitReached = regexp.MustCompile(`max-(series-per-database|values-per-tag) limit exceeded`)

// classify reads an answer. What is not known waits: nothing is given up that can heal.
func classify(status int, text string) batchhttp.Outcome {
	switch {
	case status == http.StatusNoContent: // a page of something between answers 200
		return batchhttp.Accepted
	case status == http.StatusRequestEntityTooLarge:
		return batchhttp.TooLarge
	case limitReached.MatchString(text):
		return batchhttp.Later
	case (status == http.StatusBadRequest || status == http.StatusUnprocessableEntity) && aboutLines.MatchString(text):
		return batchhttp.Refused
	}
	return batchhttp.Later
}

// remedies say what to do about an answer that only people can change.
var remedies = map[int]string{
	http.StatusUnauthorized: "check username and password, or token",
	http.StatusForbidden:    "give the user, or the token, the right to write",
	http.StatusNotFound:     "create the database, or the organization and the bucket",
	http.StatusOK:           "InfluxDB says 204 to a write: is endpoint another server's, or a proxy's page?",
}

// remedy says what people can do about an answer that waits.
func remedy(code int, text string) string {
	if known, ok := remedies[code]; ok {
		return known
	}
	if limitReached.MatchString(text) {
		return "raise the limit in InfluxDB, or leave tags of many values out of tags"
	}
	return ""
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
			return batchhttp.Shortened(text)
		}
	}
	return batchhttp.Shortened(string(body))
}
