package analytics

import "unicode/utf8"

// LastLetters is the end of text that has so many letters, whole ones, and tells whether
// text has more than that. An obfuscated key ends with them.
func LastLetters(text string, letters int) (last string, more bool) {
	at := len(text)
	for range letters {
		if at == 0 {
			return text, false
		}
		_, size := utf8.DecodeLastRuneInString(text[:at])
		at -= size
	}
	return text[at:], at > 0
}
