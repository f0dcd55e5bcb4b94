package tykfilterprocessor

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
	"github.com/otelcol-tyk/otelcol-tyk/internal/selection"
	"github.com/otelcol-tyk/otelcol-tyk/internal/spelling"
)

// Config says which records pass and what of them.
type Config struct {
	// Lists say which records pass.
	selection.Lists `mapstructure:",squash"`
	// Fields says what of a record that passed goes on.
	Fields FieldsConfig `mapstructure:"fields"`
	// Document gives what goes on of a request the form that Tyk Pump gives it.
	Document DocumentConfig `mapstructure:"document"`
}

// FieldsConfig says what of a record goes on. What it takes away is gone for
// every later component of the pipeline.
type FieldsConfig struct {
	// Ignore names fields that are emptied, by their JSON names in Tyk.
	Ignore []string `mapstructure:"ignore"`
	// OmitDetailedRecording empties the recorded request and response.
	OmitDetailedRecording bool `mapstructure:"omit_detailed_recording"`
	// MaxRecordSize is the most bytes that stay of the base64 text of each recorded
	// request and response; 0 keeps them whole.
	MaxRecordSize int `mapstructure:"max_record_size"`
	// DecodeRawRequest turns the recorded request from base64 into the text it stands for.
	DecodeRawRequest bool `mapstructure:"decode_raw_request"`
	// DecodeRawResponse turns the recorded response from base64 into the text it stands for.
	DecodeRawResponse bool `mapstructure:"decode_raw_response"`
	// RedactHeaders names further HTTP headers whose values are replaced in recorded
	// requests and responses, in any case of letters.
	RedactHeaders []string `mapstructure:"redact_headers"`
	// RedactHeadersOnly takes the place of the default list; empty, with RedactHeaders
	// empty too, keeps all values.
	RedactHeadersOnly []string `mapstructure:"redact_headers_only"`
	// RedactQuery names further query parameters whose values are replaced in recorded
	// requests and responses, paths and URLs, in any case of letters.
	RedactQuery []string `mapstructure:"redact_query"`
	// RedactQueryOnly takes the place of the default list; empty, with RedactQuery
	// empty too, keeps all values.
	RedactQueryOnly []string `mapstructure:"redact_query_only"`
}

// DocumentConfig makes of each request the document that a pump of Tyk Pump sends for it.
type DocumentConfig struct {
	// Format names the pump; empty leaves requests in attributes.
	Format string `mapstructure:"format"`
	// Fields are the document's keys; empty takes those that the pump sends by default.
	Fields []string `mapstructure:"fields"`
	// Place is where the document goes, body or attributes; there it replaces what was.
	Place string `mapstructure:"place"`
	// ObfuscateAPIKeys replaces keys but for their ends.
	ObfuscateAPIKeys bool `mapstructure:"obfuscate_api_keys"`
	// ObfuscateAPIKeysLength is how many letters at the end of an obfuscated key stay.
	ObfuscateAPIKeysLength int `mapstructure:"obfuscate_api_keys_length"`
	// IgnoreTagPrefixList takes out of the document the tags that begin so.
	IgnoreTagPrefixList []string `mapstructure:"ignore_tag_prefix_list"`
}

// The places of a document.
const (
	placeBody       = "body"
	placeAttributes = "attributes"
)

// Unmarshal says which key is meant by one that does not exist.
func (c *Config) Unmarshal(conf *confmap.Conf) error { return spelling.Keys(conf.Unmarshal(c), c) }

func createDefaultConfig() component.Config {
	return &Config{
		Fields: FieldsConfig{
			RedactHeadersOnly: []string{
				"authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "api-key", "x-auth-token",
				"x-csrf-token", "x-tyk-authorization",
			},
			RedactQueryOnly: []string{
				"access_token", "api_key", "api-key", "apikey", "auth_token", "authorization", "client_secret", "id_token",
				"jwt", "key", "password", "refresh_token", "secret", "sig", "signature", "token", "x-api-key",
				"x-amz-security-token", "x-amz-signature", "x-goog-signature",
			},
		},
		Document: DocumentConfig{Place: placeBody},
	}
}

// Validate reports lists that cannot be meant.
func (c *Config) Validate() error { return errors.Join(c.Faults()...) }

// Validate reports every field name, size and header name that cannot be meant.
func (c *FieldsConfig) Validate() error {
	var errs error
	for _, name := range c.Ignore {
		if _, err := analytics.ParseField(name); err != nil {
			errs = errors.Join(errs, fmt.Errorf("ignore: %w", err))
		}
	}
	if c.MaxRecordSize < 0 {
		errs = errors.Join(errs, fmt.Errorf("max_record_size: %d is below 0; give a number of bytes, or 0 to keep recorded requests and responses whole", c.MaxRecordSize))
	}
	return errors.Join(errs, checkHeaders("redact_headers", c.RedactHeaders), checkHeaders("redact_headers_only", c.RedactHeadersOnly),
		checkParameters("redact_query", c.RedactQuery), checkParameters("redact_query_only", c.RedactQueryOnly))
}

// parameters are the query parameters whose values are replaced.
func (c *FieldsConfig) parameters() []string {
	return slices.Concat(c.RedactQueryOnly, c.RedactQuery)
}

func checkParameters(key string, names []string) error {
	var errs error
	for _, name := range names {
		if name == "" || strings.ContainsAny(name, "=&?;#%[ ") {
			errs = errors.Join(errs, fmt.Errorf("%s: %q is not the name of a query parameter; give names such as access_token, decoded and without the value", key, name))
		}
	}
	return errs
}

func checkHeaders(key string, names []string) error {
	var errs error
	for _, name := range names {
		if !isToken(name) {
			errs = errors.Join(errs, fmt.Errorf("%s: %q is not the name of an HTTP header; give names such as x-api-key, without the colon and the value", key, name))
		}
	}
	return errs
}

// Validate reports formats, keys and places that cannot be meant.
func (c *DocumentConfig) Validate() error {
	var errs error
	if c.Format != "" {
		if _, err := analytics.NewDocument(c.Format, c.Fields); err != nil {
			errs = errors.Join(errs, err)
		}
	} else if len(c.Fields)+len(c.IgnoreTagPrefixList) > 0 || c.ObfuscateAPIKeys {
		errs = errors.Join(errs, fmt.Errorf("format: is missing, without which there is no document; give one of %s",
			strings.Join(analytics.DocumentFormats(), ", ")))
	}
	if c.Place != placeBody && c.Place != placeAttributes {
		errs = errors.Join(errs, fmt.Errorf("place: %q is no place for a document; give %s or %s", c.Place, placeBody, placeAttributes))
	}
	if c.ObfuscateAPIKeysLength < 0 {
		errs = errors.Join(errs, fmt.Errorf("obfuscate_api_keys_length: %d is below 0; give the number of letters that stay", c.ObfuscateAPIKeysLength))
	}
	return errs
}

// ignored are the fields of Ignore.
func (c *FieldsConfig) ignored() (analytics.FieldSet, error) {
	var set analytics.FieldSet
	for _, name := range c.Ignore {
		field, err := analytics.ParseField(name)
		if err != nil {
			return 0, fmt.Errorf("fields::ignore: %w", err)
		}
		set |= analytics.NewFieldSet(field)
	}
	return set, nil
}

// isToken tells whether name can be the name of an HTTP header (RFC 9110, section 5.6.2).
func isToken(name string) bool {
	for _, c := range []byte(name) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return name != ""
}
