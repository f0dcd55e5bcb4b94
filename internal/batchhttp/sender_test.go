package batchhttp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"pgregory.net/rapid"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
	"github.com/otelcol-tyk/otelcol-tyk/internal/sinktest"
)

// numbered are items whose bodies are their numbers, of three letters each.
func numbered(n int) []Item {
	items := make([]Item, n)
	for i := range items {
		items[i] = Item{Entry: int32(i), Body: fmt.Appendf(nil, "%03d", i)}
	}
	return items
}

// destination is a server that keeps what it accepts.
type destination struct {
	judge func(items []Item) []Verdict

	mu       sync.Mutex // guards the fields below
	requests int
	accepted map[string]int
}

func (d *destination) request(_ context.Context, items []Item) []Verdict {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.requests++
	verdicts := d.judge(items)
	for i := range items {
		if verdicts[min(i, len(verdicts)-1)].Outcome == Accepted {
			if d.accepted == nil {
				d.accepted = map[string]int{}
			}
			d.accepted[string(items[i].Body)]++
		}
	}
	return verdicts
}

func all(outcome Outcome) []Verdict {
	return Whole(outcome, errors.New("it says "+strconv.Itoa(int(outcome))))
}

func has(items []Item, body string) bool {
	return slices.ContainsFunc(items, func(i Item) bool { return string(i.Body) == body })
}

func TestRequestsAreCutByItemsAndBytes(t *testing.T) {
	t.Parallel()
	long := numbered(7)
	long[3].Body = []byte("a longer one")
	for name, c := range map[string]struct {
		sender *Sender
		items  []Item
		want   []int
	}{
		"unbounded":            {&Sender{}, numbered(7), []int{7}},
		"by items":             {&Sender{MaxItems: 3}, numbered(7), []int{3, 3, 1}},
		"by bytes":             {&Sender{MaxBytes: 6}, numbered(7), []int{2, 2, 2, 1}},
		"with bytes between":   {&Sender{MaxBytes: 6, Between: 1}, numbered(7), []int{1, 1, 1, 1, 1, 1, 1}},
		"a longer one alone":   {&Sender{MaxBytes: 7, Between: 1}, long, []int{2, 1, 1, 2, 1}},
		"by what is met first": {&Sender{MaxBytes: 9, MaxItems: 2}, numbered(5), []int{2, 2, 1}},
		"nothing":              {&Sender{MaxItems: 3}, nil, nil},
	} {
		var lengths []int
		for _, request := range c.sender.cut(c.items) {
			lengths = append(lengths, len(request))
		}
		assert.Equal(t, c.want, lengths, name)
	}
}

func TestStatusesMeanWhatTheyMean(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]Outcome{
		http.StatusOK: Accepted, http.StatusAccepted: Accepted, http.StatusNoContent: Accepted,
		http.StatusFound: Later, http.StatusBadRequest: Unclear, http.StatusUnauthorized: Later, http.StatusForbidden: Later,
		http.StatusNotFound: Later, http.StatusRequestTimeout: Later, http.StatusRequestEntityTooLarge: TooLarge,
		http.StatusUnprocessableEntity: Unclear, http.StatusTooManyRequests: Later, http.StatusInternalServerError: Later,
		http.StatusServiceUnavailable: Later,
	} {
		assert.Equal(t, want, OutcomeOf(code), code)
	}
}

// Whatever a destination refuses or finds too large, all others are accepted once.
func TestEachItemIsAcceptedOrRefused(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 60).Draw(t, "items")
		bad := rapid.MapOfN(rapid.IntRange(0, n-1), rapid.SampledFrom([]Outcome{Refused, TooLarge, Unclear}), 0, n).Draw(t, "bad")
		most := rapid.IntRange(1, n).Draw(t, "most items that are taken")
		each := rapid.Bool().Draw(t, "a verdict on each")
		d := &destination{judge: func(items []Item) []Verdict {
			if len(items) > most {
				return all(TooLarge)
			}
			var verdicts []Verdict
			for _, item := range items {
				outcome, is := bad[int(item.Entry)]
				switch {
				case is && !each:
					return all(outcome)
				case is:
					verdicts = append(verdicts, all(outcome)...)
				default:
					verdicts = append(verdicts, Verdict{Outcome: Accepted})
				}
			}
			if !each {
				return all(Accepted)
			}
			return verdicts
		}}
		sender := Sender{Request: d.request, MaxItems: rapid.IntRange(0, n).Draw(t, "max items"), Parallel: rapid.IntRange(0, 4).Draw(t, "parallel")}
		sent, err := sender.Send(t.Context(), numbered(n))
		require.Len(t, d.accepted, n-len(bad))
		require.Equal(t, n-len(bad), sent.Accepted)
		for body, times := range d.accepted {
			require.Equal(t, 1, times, body)
		}
		unclear := slices.Contains(slices.Collect(values(bad)), Unclear)
		if unclear && len(bad) == n {
			require.Error(t, err, "nothing was accepted")
			return
		}
		require.NoError(t, err)
		require.Len(t, sent.Refused, len(bad))
		for _, r := range sent.Refused {
			outcome, is := bad[int(r.Entry)]
			require.True(t, is)
			require.Equal(t, outcome == TooLarge, r.Reason == ReasonTooLarge)
			require.False(t, sent.Has(r.Entry))
		}
	})
}

func values(m map[int]Outcome) func(func(Outcome) bool) {
	return func(yield func(Outcome) bool) {
		for _, v := range m {
			if !yield(v) {
				return
			}
		}
	}
}

// While nothing is accepted, whoever is at fault is looked for with few requests, and nothing is refused.
func TestADestinationThatTakesNothingIsNotAskedForEver(t *testing.T) {
	t.Parallel()
	closed := true
	d := &destination{judge: func([]Item) []Verdict {
		if closed {
			return all(Unclear)
		}
		return all(Accepted)
	}}
	sender := Sender{Request: d.request, MaxItems: 1000}
	sent, err := sender.Send(t.Context(), numbered(4000))
	require.ErrorContains(t, err, "it says 4")
	assert.Empty(t, sent.Refused)
	assert.Less(t, d.requests, patience+4)
	closed = false
	sent, err = sender.Send(t.Context(), numbered(4000))
	require.NoError(t, err)
	assert.Equal(t, 4000, sent.Accepted)
}

// A run of items that are at fault is refused once others were accepted, however long it is.
func TestARunOfItemsAtFaultIsRefusedWhereOthersAreAccepted(t *testing.T) {
	t.Parallel()
	d := &destination{judge: func(items []Item) []Verdict {
		if has(items, "good") {
			return all(Accepted)
		}
		return all(Unclear)
	}}
	sender := Sender{Request: d.request, MaxItems: 100}
	good := func() {
		_, err := sender.Send(t.Context(), []Item{{Body: []byte("good")}})
		require.NoError(t, err)
	}
	for range 2 {
		_, err := sender.Send(t.Context(), numbered(500))
		require.Error(t, err)
		good()
	}
	sent, err := sender.Send(t.Context(), numbered(500))
	require.NoError(t, err)
	assert.Len(t, sent.Refused, 500)
}

// What is taken in one place says nothing of another.
func TestEvidenceIsOfAPlace(t *testing.T) {
	t.Parallel()
	d := &destination{judge: func(items []Item) []Verdict {
		var verdicts []Verdict
		for _, item := range items {
			if item.Place == "closed" {
				verdicts = append(verdicts, all(Unclear)...)
			} else {
				verdicts = append(verdicts, Verdict{Outcome: Accepted})
			}
		}
		return verdicts
	}}
	items := numbered(4)
	items[1].Place = "closed"
	sent, err := (&Sender{Request: d.request}).Send(t.Context(), items)
	require.ErrorContains(t, err, "it says 4")
	assert.Equal(t, 3, sent.Accepted)
	assert.Empty(t, sent.Refused)
}

func TestAfterARequestThatWaitsNoneIsSent(t *testing.T) {
	t.Parallel()
	d := &destination{}
	d.judge = func([]Item) []Verdict {
		if d.requests > 3 {
			return all(Later)
		}
		return all(Accepted)
	}
	sent, err := (&Sender{Request: d.request, MaxItems: 1}).Send(t.Context(), numbered(50))
	require.ErrorContains(t, err, "it says 0")
	assert.Equal(t, 3, sent.Accepted)
	assert.Equal(t, 4, d.requests)
}

// The delay that a server asks for is kept, whichever of the requests that fail at once is the first.
func TestTheLongestDelayCounts(t *testing.T) {
	t.Parallel()
	throttle := func(seconds string) error {
		a := Answer{Code: http.StatusTooManyRequests, delay: retryAfter(seconds, time.Now())}
		return a.Err("the server", "busy", "")
	}
	for _, errs := range [][]error{
		{errors.New("cut off"), throttle("7"), throttle("3")},
		{throttle("3"), throttle("7"), errors.New("cut off")},
	} {
		var under sync.WaitGroup // until all requests are on their way
		under.Add(len(errs))
		sender := Sender{MaxItems: 1, Parallel: len(errs), Request: func(_ context.Context, items []Item) []Verdict {
			under.Done()
			under.Wait()
			return Whole(Later, errs[items[0].Entry])
		}}
		_, err := sender.Send(t.Context(), numbered(len(errs)))
		require.ErrorContains(t, err, "Throttle (7s)")
		want := reflect.TypeOf(exporterhelper.NewThrottleRetry(errors.New(""), time.Second))
		found := false
		for e := err; e != nil; e = errors.Unwrap(e) {
			found = found || reflect.TypeOf(e) == want
		}
		assert.True(t, found, "the collector knows the error as a throttle's")
	}
}

// An outage that is answered like bad items, and ends while they are looked for, is no item's fault: neither where the
// push itself shows the end, nor where another does.
func TestAnOutageThatEndsMeanwhileBlamesNobody(t *testing.T) {
	t.Parallel()
	for until := 1; until < patience+4; until++ {
		d := &destination{}
		d.judge = func([]Item) []Verdict {
			if d.requests <= until {
				return all(Unclear)
			}
			return all(Accepted)
		}
		sender := Sender{Request: d.request, MaxItems: 40, Parallel: 4}
		sent, err := sender.Send(t.Context(), numbered(200))
		assert.Empty(t, sent.Refused, until)
		if err != nil {
			sent, err = sender.Send(t.Context(), numbered(200))
		}
		require.NoError(t, err, until)
		assert.Empty(t, sent.Refused, until)
	}

	d := &destination{judge: func([]Item) []Verdict { return all(Unclear) }}
	sender := Sender{Request: d.request}
	_, err := sender.Send(t.Context(), numbered(1))
	require.Error(t, err)
	d.judge = func([]Item) []Verdict { // the outage ends with this failure, and another push sees it first
		sender.evidence.Accepted("")
		d.judge = func([]Item) []Verdict { return all(Accepted) }
		return all(Unclear)
	}
	sent, err := sender.Send(t.Context(), numbered(1))
	require.NoError(t, err)
	assert.Equal(t, 1, sent.Accepted)
}

// An item that is in doubt in other words each time, as with the number of an incident in them, is still known again.
func TestWhatIsSaidOfDoubtMayDiffer(t *testing.T) {
	t.Parallel()
	incident := 0
	d := &destination{judge: func(items []Item) []Verdict {
		if has(items, "good") {
			return all(Accepted)
		}
		incident++
		return Whole(Unclear, fmt.Errorf("blocked, incident %d", incident))
	}}
	sender := Sender{Request: d.request}
	_, err := sender.Send(t.Context(), numbered(1))
	require.Error(t, err)
	_, err = sender.Send(t.Context(), []Item{{Body: []byte("good")}})
	require.NoError(t, err)
	sent, err := sender.Send(t.Context(), numbered(1))
	require.NoError(t, err)
	assert.Len(t, sent.Refused, 1)
}

func TestAnAnswerAboutOtherItemsSaysNothing(t *testing.T) {
	t.Parallel()
	for want, verdicts := range map[string][]Verdict{
		"the answer is about 2 of 3 records": {{Outcome: Accepted}, {Outcome: Accepted}},
		"the answer is about 0 of 3 records": {},
		"the destination did not say why":    {{}},
	} {
		sender := Sender{Request: func(context.Context, []Item) []Verdict { return verdicts }}
		sent, err := sender.Send(t.Context(), numbered(3))
		require.EqualError(t, err, want)
		assert.Zero(t, sent.Accepted)
	}
}

// Exactly what was not accepted is asked for again, and what is refused is named in the end.
func TestAPushAsksAgainForWhatWasNotAccepted(t *testing.T) {
	t.Parallel()
	busy := true
	d := &destination{judge: func(items []Item) []Verdict {
		verdicts := make([]Verdict, len(items))
		for i, item := range items {
			switch body := string(item.Body); {
			case busy && strings.HasSuffix(body, "5"):
				verdicts[i] = all(Later)[0]
			case body == "/7":
				verdicts[i] = all(Refused)[0]
			default:
				verdicts[i].Outcome = Accepted
			}
		}
		return verdicts
	}}
	sender := Sender{Request: d.request, MaxItems: 5}
	push := func(logs []analytics.Record) (consumererror.Logs, *sink.Requests, error) {
		pushed := sinktest.LogsOf(logs...)
		var requests sink.Requests
		var items []Item
		requests.Each(pushed, func(entry int32, r *analytics.Record, uid string) {
			items = append(items, Item{Entry: entry, Key: uid, Body: []byte(r.Path)})
		})
		_, err := sender.Push(t.Context(), pushed, &requests, items)
		var rest consumererror.Logs
		if err != nil {
			require.ErrorAs(t, err, &rest)
		}
		return rest, &requests, err
	}
	var records []analytics.Record
	for i := range 20 {
		records = append(records, analytics.Record{Path: "/" + strconv.Itoa(i)})
	}
	rest, _, err := push(records)
	require.ErrorContains(t, err, "it says 0")
	assert.Equal(t, 3, rest.Data().LogRecordCount(), "5, 15, and 7, which is to be refused in the end")
	busy = false
	_, requests, err := push([]analytics.Record{{Path: "/5"}, {Path: "/7"}, {Path: "/15"}})
	require.NoError(t, err)
	assert.Equal(t, map[sink.Reason]int64{ReasonInvalid: 1}, requests.Refused())
	for body, times := range d.accepted {
		assert.Equal(t, 1, times, body)
	}
	assert.Len(t, d.accepted, 19)
}
