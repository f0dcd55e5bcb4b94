// Package plaintext looks at the short, plain texts of which records consist in fewer steps than the standard library does.
package plaintext

import (
	"strings"
	"unicode/utf8"
)

// Word is the first 8 bytes of s, which has that many, the first one lowest. The compiler makes one load of it.
func Word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// IsASCII tells whether all bytes are below 128.
func IsASCII(s string) bool {
	const high = 0x8080808080808080
	if len(s) < 8 {
		var all byte
		for i := range len(s) {
			all |= s[i]
		}
		return all < utf8.RuneSelf
	}
	all := Word(s[len(s)-8:])
	for len(s) > 8 {
		all |= Word(s)
		s = s[8:]
	}
	return all&high == 0
}

// IsPlain tells whether all bytes are ASCII, and none is a control character or a backslash.
func IsPlain(s string) bool {
	const (
		high        = 0x8080808080808080
		ones        = 0x0101010101010101
		blanks      = ' ' * ones
		backslashes = '\\' * ones
	)
	if len(s) < 8 {
		for i := range len(s) {
			if c := s[i]; c < ' ' || c == '\\' || c >= utf8.RuneSelf {
				return false
			}
		}
		return true
	}
	// A byte's high bit is borrowed where the byte is less than what is taken from it, and was not there before.
	odd := func(w uint64) uint64 {
		x := w ^ backslashes
		return w | (w-blanks)&^w | (x-ones)&^x
	}
	all := odd(Word(s[len(s)-8:]))
	for len(s) > 8 {
		all |= odd(Word(s))
		s = s[8:]
	}
	return all&high == 0
}

// CleanUTF8 replaces each run of bytes that is not UTF-8 by U+FFFD. A clean text is returned as it is.
func CleanUTF8(s string) string {
	if IsASCII(s) {
		return s
	}
	return ToUTF8(s)
}

// ToUTF8 is CleanUTF8 of a text that is not ASCII.
func ToUTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, string(utf8.RuneError))
}
