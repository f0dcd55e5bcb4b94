package mysql

import (
	"crypto/sha256"
	"encoding/hex"
	"unicode/utf8"
)

// mysqlShortest is how many characters an id has at least room for: a checksum's.
const mysqlShortest = 2 * sha256.Size

// shortID is an id of at most so many characters, which are not fewer than those of a
// checksum.
func shortID(id string, length int) string {
	if len(id) <= length {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return id[:length-mysqlShortest] + hex.EncodeToString(sum[:])
}

// cutText is the beginning of a text, at most so many characters of it.
func cutText(text string, length int) string {
	if len(text) <= length || utf8.RuneCountInString(text) <= length {
		return text
	}
	runes := 0
	for at := range text {
		if runes == length {
			return text[:at]
		}
		runes++
	}
	return text
}
