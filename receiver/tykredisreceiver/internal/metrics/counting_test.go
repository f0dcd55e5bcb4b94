package metrics

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestSpansTellWhatIsNew(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var s Spans
		seen := map[int64]bool{}
		for step := range rapid.IntRange(1, 20).Draw(t, "steps") {
			from := rapid.Int64Range(0, 30).Draw(t, "from"+strconv.Itoa(step))
			end := from + rapid.Int64Range(0, 10).Draw(t, "length"+strconv.Itoa(step))
			var want, got []int64
			for i := from; i < end; i++ {
				if !seen[i] {
					want = append(want, i)
				}
				seen[i] = true
			}
			for _, run := range s.add(from, end) {
				for i := run.From; i < run.End; i++ {
					got = append(got, i)
				}
			}
			require.Equal(t, want, got)
			require.Equal(t, int64(len(seen)), s.Length())
			for i := 1; i < len(s); i++ {
				require.Less(t, s[i-1].End, s[i].From, "runs do not touch")
			}
		}
	})
}
