// Package measure makes metrics of analytics records: which metrics there are, and
// the cumulative sums and histograms that records add up to. It knows neither
// Redis nor configurations.
//
// Records are counted into a Batch, which belongs to one goroutine, and a Batch is
// merged into the Meter once its records are to count. However records are split
// into batches, and in whatever order those are merged, the sums are the same.
package measure
