package pumpconf

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestCSV(t *testing.T) {
	t.Parallel()
	in := input(pumps(`"c": {"type": "csv", "timeout": 60, "meta": {"csv_dir": "/var/csv/"}}, "d": {"type": "csv", "meta": {}}`))
	in.Zone.Name = "Asia/Kolkata"
	r := Convert(in)
	assert.False(t, r.Refused(), r.Summary())
	assert.Equal(t, map[string]any{
		"csv_dir": "/var/csv", "columns": "tyk", "file_mode": "0666", "timezone": "Asia/Kolkata", "timeout": "60s",
	}, at(t, r, "exporters::tykcsv/c"))
	assert.Equal(t, ".", at(t, r, "exporters::tykcsv/d::csv_dir"))
	assert.Equal(t, "pump-csv._var_csv-f3fa24b6", at(t, r, "receivers::tykredis/csv::group"))
	assert.Equal(t, "pump-csv..", at(t, r, "receivers::tykredis/csv-2::group"))
	assert.NotContains(t, at(t, converted(t, pumps(`"c": {"type": "csv", "meta": {"csv_dir": "c"}}`)), "exporters::tykcsv/c"), "timezone", "which is UTC anyway")
}
