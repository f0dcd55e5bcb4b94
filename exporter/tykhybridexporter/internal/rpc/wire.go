package rpc

import (
	"encoding/gob"
	"errors"
	"fmt"
	"strings"
)

// The messages. The server knows their fields by name, and what is in an interface by the name it is registered with.
type (
	wireRequest struct {
		ID      uint64
		Request any
	}
	wireResponse struct {
		ID       uint64
		Response any
		Error    string
	}
	dispatcherRequest struct {
		Request any
		Name    string
	}
	dispatcherResponse struct {
		Response any
		Error    string
	}
)

// The registry is the process', so that no program may link the server's library beside this package.
func init() { //nolint:gochecknoinits // gob has no other place for it
	gob.RegisterName("*gorpc.dispatcherRequest", &dispatcherRequest{})
	gob.RegisterName("*gorpc.dispatcherResponse", &dispatcherResponse{})
}

// AnswerError is an answer of the server which says that a function failed. What the function did before is not known.
type AnswerError struct {
	// Function is the one that was called.
	Function string
	// Text is what the server says.
	Text string
}

// Error names the function, and what may help.
func (e *AnswerError) Error() string {
	text := fmt.Sprintf("the server answers to %s: %s", e.Function, e.Text)
	if strings.Contains(e.Text, "unknown method") {
		text += " (is it an MDCB, and new enough?)"
	}
	return text
}

// OutcomeError says that a request was sent, and that no answer came: the server may have stored what was in it.
type OutcomeError struct {
	// Function is the one that was called.
	Function string
	// Cause is why there is no answer.
	Cause error
}

// Error says that the outcome is not known.
func (e *OutcomeError) Error() string {
	return fmt.Sprintf("no answer to %s, so that nobody knows whether it was done: %v", e.Function, e.Cause)
}

// Unwrap gives the cause.
func (e *OutcomeError) Unwrap() error { return e.Cause }

// ErrKeyRefused says that the server does not accept the API key.
var ErrKeyRefused = errors.New("the server refuses the API key: look whether the user of api_key exists, and is active, in Tyk Dashboard")

// result reads an answer.
func (r *wireResponse) result(function string) (any, error) {
	if r.Error != "" {
		return nil, &AnswerError{Function: function, Text: brief(r.Error)}
	}
	inner, ok := r.Response.(*dispatcherResponse)
	switch {
	case !ok:
		return nil, &AnswerError{Function: function, Text: fmt.Sprintf("an answer of the unknown type %T", r.Response)}
	case inner.Error != "":
		return nil, &AnswerError{Function: function, Text: brief(inner.Error)}
	}
	return inner.Response, nil
}

// brief is the first line of a text, which may be a server's stack.
func brief(text string) string {
	const longest = 300
	text, _, _ = strings.Cut(text, "\n")
	if len(text) > longest {
		text = text[:longest] + "..."
	}
	return strings.ToValidUTF8(text, "?")
}
