package rollup

import (
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
)

// OtherValue stands for the values of a dimension that are beyond Settings.MaxValues.
const OtherValue = "__other__"

// key names a value before it is encoded, which is done once for each value and
// not for each record.
type key struct {
	dimension Dimension
	other     bool
	number    int64
	a, b, c   string
}

// otherKey stands for all values of a dimension that are too many.
func otherKey(d Dimension) key { return key{dimension: d, other: true} }

// encode gives the value as stores know it (contract: aggregates, sections 1.6,
// 4.5 and 5.4); the owner is the first of two levels, where there are two.
func (k key) encode() (owner, value string) {
	if k.other {
		if k.dimension == KeyEndpoints || k.dimension == OauthEndpoints {
			return OtherValue, OtherValue
		}
		return "", OtherValue
	}
	switch k.dimension {
	case Total:
		return "", "total"
	case Errors:
		return "", strconv.FormatInt(k.number, 10)
	case Versions:
		return "", encode64(k.a + ":" + k.b)
	case Endpoints:
		return "", strings.ReplaceAll(k.a, ".", `\u2e`)
	case KeyEndpoints, OauthEndpoints:
		return k.a, encode64(k.b + ":" + k.c)
	case APIEndpoints:
		return "", hex.EncodeToString([]byte(k.a + ":" + k.b + ":" + k.c))
	case Fields:
		return "", k.a + "_" + k.b
	case Names:
		if k.a != "" {
			return "", k.a + "_" + k.b
		}
		return "", k.b
	}
	return "", k.a
}

// names gives the identifiers of an encoded value, as far as the value itself tells
// them: the records name APIs and API keys for people.
func (k key) names(value string) (identifier, human string) {
	if k.other {
		return OtherValue, OtherValue
	}
	switch k.dimension {
	case Total:
		return "", ""
	case APIID, APIKeys, Errors, OauthIDs:
		return value, ""
	case Versions:
		return k.b, k.b
	case Endpoints:
		return k.a, k.a
	case APIEndpoints:
		return value, k.c
	case Names:
		return value, k.b
	}
	return value, value
}

// encode64 is base64 without padding.
func encode64(s string) string { return base64.RawStdEncoding.EncodeToString([]byte(s)) }

// The beginnings of tags that are not counted whatever the settings, and of those
// by which a gateway tells the trace.
const (
	keyTagPrefix   = "key-"
	traceTagPrefix = "trace-id-"
)

// countedTag gives a tag as it is counted, empty where it is not (contract:
// aggregates, section 1.7).
func (s *Settings) countedTag(tag string, family Family) string {
	if strings.HasPrefix(tag, keyTagPrefix) {
		return ""
	}
	if family == Requests {
		for _, prefix := range s.IgnoreTagPrefixes {
			if strings.HasPrefix(tag, prefix) {
				return ""
			}
		}
	}
	clean := strings.TrimSpace(tag)
	if !s.TraceTags && strings.HasPrefix(clean, traceTagPrefix) {
		return ""
	}
	if strings.IndexByte(clean, '.') < 0 { // as nearly all
		return clean
	}
	return strings.ReplaceAll(clean, ".", "")
}
