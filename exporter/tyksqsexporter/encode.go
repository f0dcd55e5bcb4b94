package tyksqsexporter

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/uuid"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// appendBody appends a record's message: Tyk Pump's JSON of all of it. JSON escapes what SQS refuses, but for two
// characters, which are escaped here. It fails for a time that JSON has no form for, and gives dst as it was.
func appendBody(dst []byte, r *analytics.Record) ([]byte, error) {
	before := len(dst)
	dst, err := analytics.AppendJSON(dst, r)
	if err != nil {
		return dst, err
	}
	const first = "\xef\xbf" // of U+FFC0 to U+FFFF in UTF-8
	if bytes.Contains(dst[before:], []byte(first)) {
		body := bytes.ReplaceAll(dst[before:], []byte("\uFFFE"), []byte(`\ufffe`))
		body = bytes.ReplaceAll(body, []byte("\uFFFF"), []byte(`\uffff`))
		dst = append(dst[:before], body...)
	}
	return dst, nil
}

// allowed is a text whose characters SQS takes.
func allowed(text string) string {
	return strings.Map(func(c rune) rune {
		if c == '\t' || c == '\n' || c == '\r' || c >= ' ' && c <= '\uD7FF' || c >= '\uE000' && c <= '\uFFFD' || c > '\uFFFF' {
			return c
		}
		return utf8.RuneError
	}, text)
}

// isToken tells whether a text can be the id of a group, or of a message.
func isToken(text string) bool {
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' {
			return false
		}
	}
	return text != "" && len(text) <= maxToken
}

// token is a text where it can be an id, else letters that stand for it.
func token(text string) string {
	if isToken(text) {
		return text
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// attributes are what a message tells beside its body, and how much they count.
func (c *Config) attributes(r *analytics.Record, uid string) (attributes map[string]types.MessageAttributeValue, size int) {
	for _, field := range c.Attributes {
		text := allowed(value(field, r, uid))
		if text == "" {
			continue // which SQS refuses
		}
		if attributes == nil {
			attributes = make(map[string]types.MessageAttributeValue, len(c.Attributes))
		}
		const kind = "String"
		attributes[field] = types.MessageAttributeValue{DataType: aws.String(kind), StringValue: &text}
		size += len(field) + len(kind) + len(text)
	}
	return attributes, size
}

// identity is by which a FIFO queue recognises a record. One without an identity is not to be taken for another.
func identity(uid string) string {
	if uid == "" {
		return uuid.NewString()
	}
	return token(uid)
}

// group is the id of a record's group, empty where there are none.
func (c *Config) group(r *analytics.Record) string {
	if c.MessageGroupBy == "" {
		return c.MessageGroupID
	}
	return token(value(c.MessageGroupBy, r, ""))
}

// value is that of a field.
func value(field string, r *analytics.Record, uid string) string {
	switch field {
	case fieldOrgID:
		return r.OrgID
	case fieldAPIID:
		return r.APIID
	}
	return uid
}
