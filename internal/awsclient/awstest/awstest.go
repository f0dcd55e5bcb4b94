// Package awstest is a server of Amazon's JSON protocols for tests, which keeps what it is asked and answers as a test
// wants.
package awstest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// Answer is what the server says.
type Answer struct {
	// Status is 200 where it is 0.
	Status int
	// Body is what it says in JSON, or a text that is sent as it is.
	Body any
	// Cut ends the connection without an answer.
	Cut bool
}

// Fault is an error of the service.
func Fault(code, message string) Answer {
	return Answer{Status: http.StatusBadRequest, Body: map[string]string{"__type": "com.amazonaws#" + code, "message": message}}
}

// Server is one that answers.
type Server struct {
	*httptest.Server

	mu     sync.Mutex // guards the fields below
	answer func(operation string, body []byte) Answer
	calls  map[string]int
}

// Start starts a server that answers operations, such as SendMessageBatch, one after the other, until the test ends.
func Start(tb testing.TB, answer func(operation string, body []byte) Answer) *Server {
	tb.Helper()
	s := &Server{answer: answer, calls: map[string]int{}}
	s.Server = httptest.NewServer(s)
	tb.Cleanup(s.Close)
	return s
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the caller is gone
	}
	target := r.Header.Get("X-Amz-Target")
	operation := target[strings.LastIndexByte(target, '.')+1:]
	s.mu.Lock()
	s.calls[operation]++
	a := s.answer(operation, body)
	s.mu.Unlock()
	if a.Cut {
		panic(http.ErrAbortHandler)
	}
	if a.Status != 0 {
		w.WriteHeader(a.Status)
	}
	if text, ok := a.Body.(string); ok {
		fmt.Fprint(w, text)
		return
	}
	_ = json.NewEncoder(w).Encode(a.Body) // the caller may be gone
}

// Read reads what JSON says.
func Read(tb testing.TB, text []byte, into any) {
	tb.Helper()
	if err := json.Unmarshal(text, into); err != nil {
		tb.Errorf("read %q: %v", text, err)
	}
}

// Calls is how often an operation was asked for.
func (s *Server) Calls(operation string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[operation]
}

// Answers changes what it says from now on.
func (s *Server) Answers(answer func(operation string, body []byte) Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}
