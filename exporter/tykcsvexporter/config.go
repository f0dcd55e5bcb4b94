package tykcsvexporter

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/sink"
	"github.com/otelcol-tyk/otelcol-tyk/internal/spelling"
)

// The values of Config.Columns.
const (
	// columnsSigned has true numbers, and times of RFC 3339.
	columnsSigned = "signed"
	// columnsTyk has Tyk Pump's bytes.
	columnsTyk = "tyk"
)

// compressionGzip is the value of Config.Compression beside none.
const compressionGzip = "gzip"

// minRetention is the shortest time for which identities may be remembered: a redelivery after an
// outage of the collector must be recognised.
const minRetention = time.Hour

// Config says where files are, and what is in them.
type Config struct {
	// Dir is the directory of the files, which is made if there is none.
	Dir string `mapstructure:"csv_dir"`
	// Timezone is that of the hours in the names of files, and of times in columns.
	Timezone string `mapstructure:"timezone"`
	// Columns is signed or tyk.
	Columns string `mapstructure:"columns"`
	// ExtraColumns stand behind Tyk Pump's 42.
	ExtraColumns []string `mapstructure:"extra_columns"`
	// NeutralizeFormulas puts an apostrophe before text that a spreadsheet would calculate.
	NeutralizeFormulas bool `mapstructure:"neutralize_formulas"`
	// FileMode are the permissions of new files in octal digits, less the process' umask.
	FileMode string `mapstructure:"file_mode"`
	// MaxFileBytes is the size from which on rows go into another file of the hour; 0 is none.
	MaxFileBytes int64 `mapstructure:"max_file_bytes"`
	// Compression is gzip for files that are finished, or none.
	Compression string `mapstructure:"compression"`
	// Retention is for how long the identities of written records are remembered; 0 is for ever.
	Retention time.Duration `mapstructure:"retention"`
	// Sending bounds, repeats and queues pushes.
	sink.Sending `mapstructure:",squash"`
}

func createDefaultConfig() component.Config {
	return &Config{
		Timezone: "UTC", Columns: columnsSigned, FileMode: "0640", Compression: "none", Retention: 3 * 24 * time.Hour,
		Sending: sink.Defaults(),
	}
}

// Unmarshal says which key is meant by one that does not exist.
func (c *Config) Unmarshal(conf *confmap.Conf) error { return spelling.Keys(conf.Unmarshal(c), c) }

// Validate checks everything that can be checked without the directory.
func (c *Config) Validate() error {
	errs := []error{sink.ValidateQueue(c.Queue, c.Retry)}
	if c.Dir == "" {
		errs = append(errs, errors.New("csv_dir: must be set: name the directory of the files"))
	}
	if _, err := time.LoadLocation(c.Timezone); err != nil || c.Timezone == "" || c.Timezone == "Local" {
		errs = append(errs, fmt.Errorf("timezone: %q is not the name of a time zone: use one such as UTC or America/New_York", c.Timezone))
	}
	if c.Columns != columnsSigned && c.Columns != columnsTyk {
		errs = append(errs, fmt.Errorf("columns: %q is unknown: use signed or tyk", c.Columns))
	}
	for i, name := range c.ExtraColumns {
		if !slices.ContainsFunc(extraColumns, func(known column) bool { return known.name == name }) {
			errs = append(errs, fmt.Errorf("extra_columns: %q is unknown: use some of %s", name, namesOf(extraColumns)))
		}
		if slices.Contains(c.ExtraColumns[:i], name) {
			errs = append(errs, fmt.Errorf("extra_columns: %q is there twice: take one out", name))
		}
	}
	if _, err := c.fileMode(); err != nil {
		errs = append(errs, err)
	}
	if c.MaxFileBytes < 0 {
		errs = append(errs, fmt.Errorf("max_file_bytes: %d must not be negative", c.MaxFileBytes))
	}
	if c.Compression != "none" && c.Compression != compressionGzip {
		errs = append(errs, fmt.Errorf("compression: %q is unknown: use gzip or none", c.Compression))
	}
	if c.Retention != 0 && c.Retention < minRetention {
		errs = append(errs, fmt.Errorf("retention: %v is too short for a redelivery after an outage to be recognised: use %v or more, or 0 to remember for ever", c.Retention, minRetention))
	}
	return errors.Join(errs...)
}

// fileMode reads FileMode. A file that its owner cannot read and write would stop at its second row.
func (c *Config) fileMode() (fs.FileMode, error) {
	mode, err := strconv.ParseUint(c.FileMode, 8, 32)
	if err != nil || mode > uint64(fs.ModePerm) || mode&0o600 != 0o600 {
		return 0, fmt.Errorf("file_mode: %q are not permissions with which the owner can read and write: use octal digits such as 0640", c.FileMode)
	}
	return fs.FileMode(mode), nil
}
