package rollup

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// OtherValue stands for the values of a dimension that are beyond Settings.MaxValues.
const OtherValue = "__other__"

// key names a value of a draft before it is encoded, which is done once for each
// value and not for each record. It takes one cache line.
type key struct {
	dimension Dimension
	other     bool // stands for all values of a dimension that are too many
	draft     uint32
	number    int64
	a, b, c   string
}

// stands tells whether k's counter is that of a value of the same hash. A number is its
// hash. A value that was folded has no key to compare with, but the budget tells values
// apart by their hashes just so.
func (k *key) stands(d Dimension, draft uint32, x, y, z string) bool {
	return k.dimension == d && k.draft == draft && (k.other || k.a == x &&
		len(k.b) == len(y) && len(k.c) == len(z) && // most have neither
		(y == "" || k.b == y) && (z == "" || k.c == z))
}

// named tells whether the records name the value for people.
func (k *key) named() bool {
	return (k.dimension == APIID || k.dimension == APIKeys) && !k.other
}

// encode gives the value as stores know it (contract: aggregates, sections 1.6,
// 4.5 and 5.4); the owner is the first of two levels, where there are two. A value
// that is none of the key's own texts is not returned, but appended to buf.
func (k *key) encode(buf []byte) (owner, value string, appended []byte) {
	if k.other {
		if k.dimension == KeyEndpoints || k.dimension == OauthEndpoints {
			return OtherValue, OtherValue, buf
		}
		return "", OtherValue, buf
	}
	switch k.dimension {
	case Errors:
		return "", "", strconv.AppendInt(buf, k.number, 10)
	case Versions:
		return "", "", appendBase64(buf, k.a, k.b)
	case Endpoints:
		if strings.IndexByte(k.a, '.') >= 0 {
			return "", "", append(buf, strings.ReplaceAll(k.a, ".", `\u2e`)...)
		}
	case KeyEndpoints, OauthEndpoints:
		return k.a, "", appendBase64(buf, k.b, k.c)
	case APIEndpoints:
		buf = appendHex(buf, k.a)
		buf = appendHex(buf, ":")
		buf = appendHex(buf, k.b)
		buf = appendHex(buf, ":")
		return "", "", appendHex(buf, k.c)
	case Fields:
		return "", "", appendJoined(buf, k.a, '_', k.b)
	case Names:
		if k.a == "" {
			return "", k.b, buf
		}
		return "", "", appendJoined(buf, k.a, '_', k.b)
	}
	return "", k.a, buf
}

// names gives the identifiers of an encoded value, as far as the value itself tells
// them: the records name APIs and API keys for people.
func (k *key) names(value string) (identifier, human string) {
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

func appendJoined(buf []byte, a string, between byte, b string) []byte {
	return append(append(append(buf, a...), between), b...)
}

// appendBase64 appends both texts with a colon between them, in base64 without padding.
func appendBase64(buf []byte, a, b string) []byte {
	var room [256]byte // of all but very long texts
	return base64.RawStdEncoding.AppendEncode(buf, appendJoined(room[:0], a, ':', b))
}

func appendHex(buf []byte, text string) []byte {
	const digits = "0123456789abcdef"
	for i := range len(text) {
		buf = append(buf, digits[text[i]>>4], digits[text[i]&15])
	}
	return buf
}

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
