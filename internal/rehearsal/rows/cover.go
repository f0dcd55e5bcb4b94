package rows

import (
	"crypto/sha256"
	"fmt"
	"regexp"
	"strings"
)

// secretColumns hold credentials, or what may hold them.
var secretColumns = map[string]bool{
	"apikey": true, "oauthid": true, "rawrequest": true, "rawresponse": true, "alias": true, "graphql_stats_variables": true,
	"variables": true, "counter_identifier": true, "counter_human_identifier": true,
}

// secretDimensions are those of which the values are credentials, or begin with them.
var secretDimensions = map[string]bool{"apikeys": true, "oauthids": true, "keyendpoints": true, "oauthendpoints": true}

// keyTags are the tags that gateways make of keys.
var keyTags = regexp.MustCompile(`(^|["\[, ])key-[^",\] ]+`)

// withoutKeys covers keys among tags.
func withoutKeys(tags string) string {
	return keyTags.ReplaceAllStringFunc(tags, func(tag string) string {
		before, key, _ := strings.Cut(tag, "key-")
		return before + "key-" + Covered([]byte(key))
	})
}

// queryValues are the values of a query in a path or a URL.
var queryValues = regexp.MustCompile(`([?&][^=&\s"]{1,100}=)([^&\s"]+)`)

// maxShown bounds how much of a value a report shows.
const maxShown = 120

// Shown is a value for a report: secrets are covered by a checksum that tells two apart, and long
// values are cut.
func Shown(column string, v Value) string {
	switch {
	case v == nil:
		return "null"
	case secretColumns[Bare(column)] && len(v) > 0:
		return Covered(v)
	}
	text := string(v)
	if Bare(column) == "tags" {
		text = withoutKeys(text)
	}
	text = queryValues.ReplaceAllStringFunc(text, func(pair string) string {
		name, value, _ := strings.Cut(pair, "=")
		return name + "=" + Covered([]byte(value))
	})
	if len(text) > maxShown {
		sum := sha256.Sum256(v)
		return fmt.Sprintf("%s… (%d bytes, sha256 %x)", strings.ToValidUTF8(text[:maxShown], ""), len(v), sum[:4])
	}
	return text
}

// ShownValue is the value of a dimension for a report.
func ShownValue(dimension string, v Value) string {
	if secretDimensions[dimension] && len(v) > 0 {
		return Covered(v)
	}
	if dimension == "tags" {
		return Shown("tags", v)
	}
	return Shown("", v)
}

// Covered stands for a secret: two that differ look different.
func Covered(secret []byte) string {
	sum := sha256.Sum256(secret)
	return fmt.Sprintf("(covered, %d bytes, sha256 %x)", len(secret), sum[:4])
}
