package rpc

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/gob"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// long is a time that only what hangs takes.
const long = time.Minute

// double answers as no real server can be made to. It takes one connection after the other until the test ends.
type double struct {
	address string
	// answer gives what is sent for a request, and whether the connection goes on.
	answer func(request wireRequest, call *dispatcherRequest) (answers []wireResponse, more bool)
}

func startDouble(tb testing.TB, answer func(wireRequest, *dispatcherRequest) ([]wireResponse, bool)) *double {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	d := &double{address: listener.Addr().String(), answer: answer}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			d.serve(conn)
			_ = conn.Close()
		}
	}()
	tb.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return d
}

func (d *double) serve(conn net.Conn) {
	preamble := make([]byte, len(version)+1)
	if _, err := io.ReadFull(conn, preamble); err != nil {
		return
	}
	rest := make([]byte, preamble[len(version)]+1)
	if _, err := io.ReadFull(conn, rest); err != nil {
		return
	}
	deflate, _ := flate.NewWriter(conn, flate.BestSpeed)
	in, out, flush := flate.NewReader(conn), io.Writer(deflate), deflate.Flush
	if rest[len(rest)-1] == 0 {
		in, out, flush = io.NopCloser(conn), conn, func() error { return nil }
	}
	decoder, encoder := gob.NewDecoder(in), gob.NewEncoder(out)
	for {
		var request wireRequest
		if decoder.Decode(&request) != nil {
			return
		}
		answers, more := d.answer(request, request.Request.(*dispatcherRequest))
		for _, answer := range answers {
			if encoder.Encode(answer) != nil || flush() != nil {
				return
			}
		}
		if !more {
			return
		}
	}
}

// yes is the answer to Ping and Login.
func yes(request wireRequest) []wireResponse {
	return []wireResponse{{ID: request.ID, Response: &dispatcherResponse{Response: true}}}
}

func clientOf(tb testing.TB, address string, change func(*Settings)) *Client {
	tb.Helper()
	settings := Settings{
		Dial:       func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, "tcp", address) },
		Compressed: true, ID: "0f8fad5b-d9cb-469f-a165-70867728950e", Timeout: long,
	}
	change(&settings)
	c := NewClient(settings, "key", 1)
	tb.Cleanup(c.Close)
	return c
}

func TestCallsAreAnswered(t *testing.T) {
	t.Parallel()
	for _, compressed := range []bool{true, false} {
		var got []string
		d := startDouble(t, func(request wireRequest, call *dispatcherRequest) ([]wireResponse, bool) {
			if call.Name == login {
				return yes(request), true
			}
			got = append(got, call.Name+" "+call.Request.(string))
			return []wireResponse{{ID: request.ID, Response: &dispatcherResponse{}}}, true
		})
		c := clientOf(t, d.address, func(s *Settings) { s.Compressed = compressed })
		big := strings.Repeat("x", 5<<20)
		require.NoError(t, c.Call(t.Context(), ".A", "1"))
		require.NoError(t, c.Call(t.Context(), ".B", big))
		require.NoError(t, c.Call(t.Context(), ".C", "3"))
		assert.Equal(t, []string{".A 1", ".B " + big, ".C 3"}, got)
	}
}

// What is sent is what the real client sends (contract: hybrid-rpc, section 3).
func TestTheBytesAreThoseOfTykPump(t *testing.T) {
	t.Parallel()
	near, far := net.Pipe()
	sent := make(chan []byte, 1)
	go func() {
		var all bytes.Buffer
		_, _ = io.Copy(&all, far)
		sent <- all.Bytes()
	}()
	conn, err := open(t.Context(), &Settings{Dial: func(context.Context) (net.Conn, error) { return near, nil }, ID: "id", Timeout: long})
	require.NoError(t, err)
	for _, call := range []struct {
		function string
		argument any
	}{{ping, nil}, {login, "apikey"}, {".PurgeAnalyticsData", "[]"}} {
		conn.answers <- wireResponse{ID: conn.id + 1, Response: &dispatcherResponse{}}
		_, err = conn.call(t.Context(), call.function, call.argument)
		require.NoError(t, err)
	}
	conn.close()
	got := hex.EncodeToString(<-sent)
	// Not compared are the numbers of types, such as ff80, which are the process'.
	text := func(s string) string { return hex.EncodeToString([]byte{byte(len(s))}) + hex.EncodeToString([]byte(s)) }
	for _, part := range []string{
		hex.EncodeToString([]byte("proto2\x02id\x00")),
		"030101" + text("wireRequest"), "010201" + text("ID") + "01060001" + text("Request") + "0110000000",
		text("*gorpc.dispatcherRequest"),
		"0c0800" + text("apikey") + "01" + text(".Login") + "0000",
		"0c0400" + text("[]") + "01" + text(".PurgeAnalyticsData") + "0000",
	} {
		assert.Contains(t, got, part)
	}
}

func TestFaultsOfAnswers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer  func(id uint64) []wireResponse
		more    bool
		unknown bool
		text    string
	}{
		"error": {answer: func(id uint64) []wireResponse {
			return []wireResponse{{ID: id, Response: &dispatcherResponse{Error: "no\nstack"}}}
		}, more: true, text: "the server answers to .F: no"},
		"method": {answer: func(id uint64) []wireResponse {
			return []wireResponse{{ID: id, Response: &dispatcherResponse{Error: "unknown method [.F]"}}}
		}, more: true, text: "new enough?"},
		"panic": {answer: func(id uint64) []wireResponse {
			return []wireResponse{{ID: id, Error: "Panic: x\nStack trace: y"}}
		}, more: true, text: "the server answers to .F: Panic: x"},
		"long":       {answer: func(id uint64) []wireResponse { return []wireResponse{{ID: id, Error: strings.Repeat("x", 9999)}} }, more: true, text: "xxx..."},
		"nothing":    {answer: func(id uint64) []wireResponse { return []wireResponse{{ID: id}} }, more: true, text: "an answer of the unknown type <nil>"},
		"another id": {answer: func(id uint64) []wireResponse { return []wireResponse{{ID: id + 7, Response: &dispatcherResponse{}}} }, more: true, unknown: true, text: "answers to call 9 instead of 2"},
		"closed":     {answer: func(uint64) []wireResponse { return nil }, unknown: true, text: "the server has closed the connection"},
		"too long": {answer: func(id uint64) []wireResponse {
			return []wireResponse{{ID: id, Error: strings.Repeat("x", answerBytes)}}
		}, more: true, unknown: true},
		"not awaited": {answer: func(id uint64) []wireResponse { return make([]wireResponse, 3) }, more: true, unknown: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := startDouble(t, func(request wireRequest, call *dispatcherRequest) ([]wireResponse, bool) {
				if call.Name == login {
					return yes(request), true
				}
				return test.answer(request.ID), test.more
			})
			c := clientOf(t, d.address, func(*Settings) {})
			err := c.Call(t.Context(), ".F", "1")
			_, unknown := errors.AsType[*OutcomeError](err)
			_, answered := errors.AsType[*AnswerError](err)
			assert.Equal(t, test.unknown, unknown, err)
			assert.Equal(t, !test.unknown, answered, err)
			require.ErrorContains(t, err, test.text)
			assert.Less(t, len(err.Error()), 1000)
			assert.NotContains(t, err.Error(), "tack trace")
		})
	}
}

func TestTheKeyIsRefused(t *testing.T) {
	t.Parallel()
	accepted := false
	d := startDouble(t, func(request wireRequest, _ *dispatcherRequest) ([]wireResponse, bool) {
		return []wireResponse{{ID: request.ID, Response: &dispatcherResponse{Response: accepted}}}, true
	})
	c := clientOf(t, d.address, func(*Settings) {})
	require.ErrorIs(t, c.Call(t.Context(), ".F", ""), ErrKeyRefused)
	accepted = true
	require.NoError(t, c.Call(t.Context(), ".F", ""))
}

// A login that nobody answers leaves no doubt about the call behind it.
func TestALoginWithoutAnswer(t *testing.T) {
	t.Parallel()
	d := startDouble(t, func(wireRequest, *dispatcherRequest) ([]wireResponse, bool) { return nil, false })
	c := clientOf(t, d.address, func(*Settings) {})
	err := c.Call(t.Context(), ".F", "")
	require.ErrorContains(t, err, "log in: ")
	_, unknown := errors.AsType[*OutcomeError](err)
	assert.False(t, unknown)
}

// A connection that ended, or that does not answer any more, is replaced before a call.
func TestConnectionsThatEndedAreReplaced(t *testing.T) {
	t.Parallel()
	logins, calls := 0, 0
	d := startDouble(t, func(request wireRequest, call *dispatcherRequest) ([]wireResponse, bool) {
		switch call.Name {
		case ping:
			return nil, false
		case login:
			logins++
			return yes(request), true
		}
		calls++
		return yes(request), calls != 1 // closes after the first call
	})
	c := clientOf(t, d.address, func(*Settings) {})
	require.NoError(t, c.Call(t.Context(), ".F", ""))
	<-c.idle[0].gone
	require.NoError(t, c.Call(t.Context(), ".F", ""))
	assert.Equal(t, 2, logins)

	c.idle[0].used = time.Now().Add(-patience)
	require.NoError(t, c.Call(t.Context(), ".F", ""))
	assert.Equal(t, 3, logins)
	assert.Equal(t, 3, calls)
}

// A request that cannot have arrived whole may be sent again, another may not.
func TestRequestsThatAreCut(t *testing.T) {
	t.Parallel()
	for lacking, unknown := range map[int]bool{1: true, tail: true, tail + 1: false, 1000: false} {
		near, far := net.Pipe()
		conn, err := open(t.Context(), &Settings{
			Dial:       func(context.Context) (net.Conn, error) { return &cutting{Conn: near, lacking: lacking}, nil },
			Compressed: true, ID: "id", Timeout: long,
		})
		require.NoError(t, err)
		_, err = conn.call(t.Context(), ".F", incompressible(10_000))
		require.ErrorContains(t, err, "cut")
		_, is := errors.AsType[*OutcomeError](err)
		assert.Equal(t, unknown, is, lacking)
		require.NoError(t, far.Close())
		conn.close()
	}
}

// cutting takes short writes, and of long ones all but some bytes.
type cutting struct {
	net.Conn

	lacking int
}

// Write cuts.
func (c *cutting) Write(b []byte) (int, error) {
	if len(b) < 100 {
		return len(b), nil
	}
	return len(b) - c.lacking, errors.New("cut")
}

func incompressible(n int) string {
	b, x := make([]byte, n), uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return string(b)
}

func TestCallsEndInTime(t *testing.T) {
	t.Parallel()
	d := startDouble(t, func(request wireRequest, call *dispatcherRequest) ([]wireResponse, bool) {
		if call.Name == login {
			return yes(request), true
		}
		return nil, true
	})
	c := clientOf(t, d.address, func(s *Settings) { s.Timeout = 500 * time.Millisecond })
	err := c.Call(t.Context(), ".F", "")
	_, unknown := errors.AsType[*OutcomeError](err)
	require.True(t, unknown, err)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	c.slots <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, c.Call(ctx, ".F", ""), context.Canceled)
	<-c.slots
}
