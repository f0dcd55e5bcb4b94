//go:build e2e

package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/claim"
)

// The lists that a gateway pushes to, without the suffixes of multiple keys
// (contract: records and raw stores, section 1.1).
const (
	msgpackList  = "analytics-tyk-system-analytics"
	protobufList = "analytics-tyk-system-analytics_protobuf"
	uptimeList   = "host-checker:tyk-uptime-analytics"
)

// testdata gives the content of a file below testdata, unpacked.
func testdata(tb testing.TB, name string) []byte {
	tb.Helper()
	packed, err := os.ReadFile(filepath.Join("testdata", filepath.FromSlash(name)))
	require.NoError(tb, err)
	if !strings.HasSuffix(name, ".gz") {
		return packed
	}
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	require.NoError(tb, err, name)
	content, err := io.ReadAll(reader)
	require.NoError(tb, err, name)
	return content
}

// entries reads captured list entries: each a length of 4 bytes, big endian, and
// that many bytes.
func entries(tb testing.TB, name string) [][]byte {
	tb.Helper()
	const prefix = 4
	var all [][]byte
	for content := testdata(tb, name); len(content) > 0; {
		require.GreaterOrEqual(tb, len(content), prefix, name)
		end := prefix + int(binary.BigEndian.Uint32(content))
		require.GreaterOrEqual(tb, len(content), end, name)
		all = append(all, content[prefix:end:end])
		content = content[end:]
	}
	require.NotEmpty(tb, all, name)
	return all
}

// push appends entries to a list with one RPUSH.
func push(tb testing.TB, rdb *redis.Client, list string, entries [][]byte) {
	tb.Helper()
	values := make([]any, len(entries))
	for i, entry := range entries {
		values[i] = entry
	}
	require.NoError(tb, rdb.RPush(tb.Context(), list, values...).Err())
}

// What the protocol keeps for each list in an empty Redis, and for replays to it:
// the last segment's number, who reads, how far each has come, and what became of
// the entries. None of it grows.
var bookkeeping = regexp.MustCompile(`^otelcol-tyk:\{((analytics|pump)-tyk-system-analytics(_[0-9])?(_protobuf)?|host-checker:tyk-uptime-analytics)\}:` +
	`(replay:[A-Za-z0-9_.-]+:)?(seq|groups|progress|receipts|pushed|pushed:[^:]+)$|^otelcol-tyk:\{registry:[^}]*\}:(groups|workers)$`)

// deadLetterKey matches the keys in which a list's dead letters lie.
var deadLetterKey = regexp.MustCompile(`^otelcol-tyk:\{(.*)\}:dead(:order|:causes|:bytes)?$`)

// leftovers are the keys of Redis that should not be there once every record is
// stored: lists, segments, leases and whatever else. It looks at one instant, so
// that no key can move away from the look.
func leftovers(tb testing.TB, rdb *redis.Client) []string {
	tb.Helper()
	keys, err := rdb.Keys(tb.Context(), "*").Result()
	require.NoError(tb, err)
	return slices.DeleteFunc(keys, func(key string) bool {
		return bookkeeping.MatchString(key) || deadLetterKey.MatchString(key)
	})
}

// waitDrained waits until every entry was acknowledged, and so is in all stores
// or a dead letter.
func waitDrained(tb testing.TB, rdb *redis.Client, within time.Duration) {
	tb.Helper()
	eventually(tb, within, func() string {
		left := leftovers(tb, rdb)
		if len(left) == 0 {
			return ""
		}
		return fmt.Sprintf("Redis still has %d keys: %s", len(left), strings.Join(left[:min(len(left), 5)], " "))
	})
}

// deadLetters gives all of them, by list. Both keys of each list must agree.
func deadLetters(tb testing.TB, rdb *redis.Client) map[string][]claim.Letter {
	tb.Helper()
	keys, err := rdb.Keys(tb.Context(), "*:dead").Result()
	require.NoError(tb, err)
	letters := map[string][]claim.Letter{}
	for _, key := range keys {
		list := deadLetterKey.FindStringSubmatch(key)[1]
		bodies, err := rdb.HGetAll(tb.Context(), key).Result()
		require.NoError(tb, err)
		order, err := rdb.ZRange(tb.Context(), key+":order", 0, -1).Result()
		require.NoError(tb, err)
		require.Len(tb, bodies, len(order), "letters of %s and their order", list)
		for _, field := range order {
			letter, err := claim.DecodeLetter(bodies[field])
			require.NoError(tb, err)
			require.Equal(tb, field, letter.Group+"|"+letter.UID)
			letters[list] = append(letters[list], letter)
		}
	}
	return letters
}

// receipts adds up what became of the entries of all lists, as Redis counted it.
func receipts(tb testing.TB, rdb *redis.Client) map[string]int64 {
	tb.Helper()
	keys, err := rdb.Keys(tb.Context(), "*}:receipts").Result()
	require.NoError(tb, err)
	total := map[string]int64{}
	for _, key := range keys {
		fields, err := rdb.HGetAll(tb.Context(), key).Result()
		require.NoError(tb, err)
		for field, value := range fields {
			n, err := strconv.ParseInt(value, 10, 64)
			require.NoError(tb, err, field)
			if n != 0 {
				total[field] += n
			}
		}
	}
	return total
}

// decodeJSON reads a file below testdata.
func decodeJSON(tb testing.TB, name string, into any) {
	tb.Helper()
	require.NoError(tb, json.Unmarshal(testdata(tb, name), into), name)
}
