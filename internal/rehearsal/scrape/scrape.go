// Package scrape reads pages of metrics as a Prometheus does, in order to compare them.
package scrape

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// others begin the names of metrics that are about the process itself.
var others = []string{"go_", "process_", "promhttp_", "otelcol_", "scrape_", "target_info"}

// maxPage bounds a page.
const maxPage = 256 << 20

// Read reads a page from a URL or a file, and gives the values by series.
func Read(ctx context.Context, place string) (series map[string]float64, err error) {
	var page io.ReadCloser
	if strings.HasPrefix(place, "http://") || strings.HasPrefix(place, "https://") {
		const patience = 30 * time.Second
		ctx, stop := context.WithTimeout(ctx, patience)
		defer stop()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, place, http.NoBody)
		if err != nil {
			return nil, errors.New("the value (not shown, it may hold a password) is not a URL")
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			var of *url.Error
			if errors.As(err, &of) { // which names the URL with its query
				err = of.Err
			}
			return nil, fmt.Errorf("%s: %w", Place(place), err)
		}
		if response.StatusCode != http.StatusOK {
			return nil, errors.Join(fmt.Errorf("%s answers %s", Place(place), response.Status), response.Body.Close())
		}
		page = response.Body
	} else {
		page, err = os.Open(place) //nolint:gosec // the operator's own file
		if err != nil {
			return nil, err
		}
	}
	defer func() { err = errors.Join(err, page.Close()) }()
	return Parse(io.LimitReader(page, maxPage))
}

// Place names a page without credentials: a URL without its user and its query.
func Place(place string) string {
	if !strings.HasPrefix(place, "http://") && !strings.HasPrefix(place, "https://") {
		return place
	}
	u, err := url.Parse(place)
	if err != nil {
		return "a URL"
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

// Parse reads a page. Metrics of the processes themselves are left out.
func Parse(page io.Reader) (map[string]float64, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(page)
	if err != nil {
		return nil, fmt.Errorf("this is no page of metrics: %w", err)
	}
	series := map[string]float64{}
	for name, family := range families {
		if slices.ContainsFunc(others, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
			continue
		}
		for _, m := range family.GetMetric() {
			add(series, name, m)
		}
	}
	return series, nil
}

func add(series map[string]float64, name string, m *dto.Metric) {
	at := func(suffix string, more ...*dto.LabelPair) string {
		var b strings.Builder
		b.WriteString(name + suffix + "{")
		for i, l := range slices.Concat(m.GetLabel(), more) {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(l.GetName() + "=" + strconv.Quote(l.GetValue()))
		}
		b.WriteByte('}')
		return b.String()
	}
	label := func(name, value string) *dto.LabelPair { return &dto.LabelPair{Name: &name, Value: &value} }
	number := func(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }
	switch {
	case m.GetCounter() != nil:
		series[at("")] = m.GetCounter().GetValue()
	case m.GetGauge() != nil:
		series[at("")] = m.GetGauge().GetValue()
	case m.GetHistogram() != nil:
		h := m.GetHistogram()
		series[at("_count")], series[at("_sum")] = float64(h.GetSampleCount()), h.GetSampleSum()
		for _, b := range h.GetBucket() {
			series[at("_bucket", label("le", number(b.GetUpperBound())))] = float64(b.GetCumulativeCount())
		}
	case m.GetSummary() != nil:
		s := m.GetSummary()
		series[at("_count")], series[at("_sum")] = float64(s.GetSampleCount()), s.GetSampleSum()
		for _, q := range s.GetQuantile() {
			series[at("", label("quantile", number(q.GetQuantile())))] = q.GetValue()
		}
	default:
		series[at("")] = m.GetUntyped().GetValue()
	}
}

// Increase is what each series grew by. One that shrank began anew, and has grown by what it has.
func Increase(before, after map[string]float64) map[string]float64 {
	grown := make(map[string]float64, len(after))
	for name, value := range after {
		if was, ok := before[name]; ok && was <= value {
			value -= was
		}
		grown[name] = value
	}
	return grown
}
