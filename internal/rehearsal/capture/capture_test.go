package capture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

var began = time.Date(2026, 8, 20, 10, 0, 0, 0, time.UTC)

func written(t testing.TB, entries ...Entry) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out, Header{Began: began, Source: "here", Prefix: "analytics-"})
	require.NoError(t, err)
	for _, e := range entries {
		require.NoError(t, w.Write(e))
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

func readAll(file []byte) (list []Entry, err error) {
	r, err := NewReader(bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return list, err
		}
		list = append(list, e)
	}
}

var some = []Entry{
	{"tyk-system-analytics", began, []byte("one")},
	{"tyk-system-analytics_protobuf", began.Add(time.Second), []byte{0, 255, '\n'}},
	{"tyk-system-analytics", began.Add(2 * time.Second), []byte{}},
	{"tyk-system-analytics", began.Add(2 * time.Second), bytes.Repeat([]byte("x"), 3<<20)},
}

func TestAFileGivesBackWhatWasWritten(t *testing.T) {
	t.Parallel()
	got, err := readAll(written(t, some...))
	require.NoError(t, err)
	assert.Equal(t, some, got)
	got, err = readAll(written(t))
	require.NoError(t, err)
	assert.Empty(t, got)
}

func TestAFileThatIsCutIsNotTakenForAWholeOne(t *testing.T) {
	t.Parallel()
	file := written(t, some[:3]...)
	for n := range file {
		_, err := readAll(file[:n])
		require.Error(t, err, n)
	}
	_, err := readAll([]byte("{}\n"))
	require.ErrorContains(t, err, "no file of tykctl capture")
}

func FuzzReader(f *testing.F) {
	f.Add(written(f, some[:3]...))
	f.Add([]byte(`{"format":"otelcol-tyk capture 1"}` + "\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		entries, err := readAll(file)
		if err != nil {
			return
		}
		again, err := readAll(written(t, entries...))
		require.NoError(t, err)
		require.Len(t, again, len(entries))
		for i := range entries {
			require.Equal(t, entries[i].Data, again[i].Data)
			require.Equal(t, entries[i].List, again[i].List)
		}
	})
}

// Whoever reads the lists may take all of a list, or some of its beginning, and nothing is copied twice.
func TestAPeekCopiesEachEntryOnce(t *testing.T) {
	t.Parallel()
	rdb := peers.StartRedis(t).Client()
	const key = "analytics-tyk-system-analytics"
	pushed := 0
	push := func(n int) {
		for range n {
			require.NoError(t, rdb.RPush(t.Context(), key, fmt.Sprintf("entry %d", pushed)).Err())
			pushed++
		}
	}
	var out bytes.Buffer
	w, err := NewWriter(&out, Header{Began: time.Now()})
	require.NoError(t, err)
	p := &Peek{Redis: rdb, Lists: []List{{key, "tyk-system-analytics"}}}
	at := &position{}
	look := func() { require.NoError(t, p.look(t.Context(), w, p.Lists[0], at)) }
	push(500)
	look()
	look()
	push(7)
	look()
	require.NoError(t, rdb.LTrim(t.Context(), key, 450, -1).Err()) // purge_chunk
	push(30)
	look()
	require.NoError(t, rdb.Del(t.Context(), key).Err())
	look()
	push(3)
	look()
	require.NoError(t, rdb.Del(t.Context(), key).Err())
	push(300) // more than there was
	look()
	require.NoError(t, w.Close())
	got, err := readAll(out.Bytes())
	require.NoError(t, err)
	require.Len(t, got, pushed)
	for i, e := range got {
		require.Equal(t, fmt.Sprintf("entry %d", i), string(e.Data))
	}
	assert.EqualValues(t, 3, p.Taken)
	assert.EqualValues(t, 300, rdb.LLen(t.Context(), key).Val(), "nothing is taken away")
}

func TestAPeekEnds(t *testing.T) {
	t.Parallel()
	rdb := peers.StartRedis(t).Client()
	require.NoError(t, rdb.RPush(t.Context(), "k", "a", "b", "c").Err())
	w, err := NewWriter(io.Discard, Header{Began: time.Now()})
	require.NoError(t, err)
	p := &Peek{Redis: rdb, Lists: []List{{"k", "k"}}, Most: 2}
	require.NoError(t, p.Run(t.Context(), w, time.Millisecond))
	assert.EqualValues(t, 2, w.Entries)
	p = &Peek{Redis: rdb, Lists: []List{{"k", "k"}}, Redact: func(_ string, entry []byte) ([]byte, bool) {
		return []byte(strings.ToUpper(string(entry))), string(entry) != "b"
	}}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.NoError(t, p.Run(ctx, w, time.Millisecond))
	assert.EqualValues(t, 4, w.Entries)
	assert.EqualValues(t, 1, p.LeftOut)
}

func TestAReplayPushesWhatWasCaptured(t *testing.T) {
	t.Parallel()
	rdb := peers.StartRedis(t).Client()
	r, err := NewReader(bytes.NewReader(written(t, some...)))
	require.NoError(t, err)
	replay := &Replay{Redis: rdb, Key: func(list string) string { return "shadow-" + list }, Batch: 100, Speed: 1000, Expire: time.Minute}
	ctx, cancel := context.WithTimeout(t.Context(), sinktest.Long)
	defer cancel()
	n, err := replay.Run(ctx, r)
	require.NoError(t, err)
	assert.EqualValues(t, len(some), n)
	assert.Equal(t, []string{"one", "", string(some[3].Data)}, rdb.LRange(t.Context(), "shadow-tyk-system-analytics", 0, -1).Val())
	assert.Equal(t, []string{string(some[1].Data)}, rdb.LRange(t.Context(), "shadow-tyk-system-analytics_protobuf", 0, -1).Val())
	assert.Positive(t, rdb.TTL(t.Context(), "shadow-tyk-system-analytics").Val())
}
