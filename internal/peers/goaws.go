package peers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// sqsTimeout is how long an SQS may take to start and to end.
const sqsTimeout = time.Minute

// ErrNoSQS says that there is no server of Amazon SQS to run, and how to get one.
var ErrNoSQS = errors.New("the test server GoAWS is not built; build it with: make bin/goaws")

// SQS is a running server of Amazon SQS. Its messages end with its process.
type SQS struct {
	server
}

// SQSMessage is a message of a queue.
type SQSMessage struct {
	// Body is its text.
	Body string
	// Group and Deduplication are its ids.
	Group, Deduplication string
}

// StartSQS starts a server with queues for a test and ends it with the test.
func StartSQS(tb testing.TB, queues ...string) *SQS {
	tb.Helper()
	program, err := built("goaws", ErrNoSQS)
	if err != nil {
		tb.Fatalf("start an SQS: %v", err)
	}
	s := &SQS{server{startTimeout: sqsTimeout, stopTimeout: sqsTimeout}}
	s.run = func(ctx context.Context) (*Process, error) {
		process, err := StartProcess(exec.Command(program, "-listen", s.Addr(), "-queues", strings.Join(queues, ","))) //nolint:gosec // the test server
		if err != nil {
			return nil, err
		}
		if err := process.WaitOutput(ctx, "ready to accept connections"); err != nil {
			process.Kill()
			if strings.Contains(process.Output(), "address already in use") {
				return nil, fmt.Errorf("start an SQS on %s: %w", s.Addr(), errPortTaken)
			}
			return nil, err
		}
		return process, nil
	}
	if err := s.begin(tb.Context()); err != nil {
		tb.Fatalf("start an SQS: %v", err)
	}
	tb.Cleanup(s.Kill)
	return s
}

// URL is where it listens.
func (s *SQS) URL() string { return "http://" + s.Addr() }

// QueueURL is that of a queue.
func (s *SQS) QueueURL(queue string) string { return s.URL() + "/000000000000/" + queue }

// Messages are those of a queue, in the order in which they came.
func (s *SQS) Messages(ctx context.Context, queue string) ([]SQSMessage, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL()+"/messages/"+queue, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }() // after it was read
	var all []SQSMessage
	if err := json.NewDecoder(response.Body).Decode(&all); err != nil {
		return nil, fmt.Errorf("read the messages of %s: %w", queue, err)
	}
	return all, nil
}

// Kill ends the server at once; Start starts it again on the same port, without messages.
func (s *SQS) Kill() { _ = s.end(context.Background(), syscall.SIGKILL) } // nothing survives that
