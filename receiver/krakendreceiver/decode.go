package krakendreceiver

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

var errNoObject = errors.New("the answer is no JSON object of statistics: is the endpoint KrakenD's /__stats?")

// eachValue calls take with every member of a JSON object. Its keys may also be texts
// as Go quotes them, which is how a KrakenD prints them: \x7f, \a and \U0001f4a9 are no
// JSON. It returns how many members it left out since their keys are neither.
func eachValue(body []byte, take func(key string, value []byte)) (unreadable int, err error) {
	rest := bytes.TrimLeft(body, space)
	if len(rest) == 0 || rest[0] != '{' {
		return 0, errNoObject
	}
	rest = bytes.TrimLeft(rest[1:], space)
	for first := true; ; first = false {
		if len(rest) > 0 && rest[0] == '}' {
			return unreadable, nil
		}
		if !first {
			if rest, err = after(rest, ','); err != nil {
				return unreadable, err
			}
		}
		end := quotedEnd(rest)
		if end < 0 {
			return unreadable, fmt.Errorf("read statistics: no key %d bytes before the end", len(rest))
		}
		key, readable := unquote(rest[:end])
		if rest, err = after(bytes.TrimLeft(rest[end:], space), ':'); err != nil {
			return unreadable, err
		}
		end, err = valueEnd(rest)
		if err != nil {
			return unreadable, fmt.Errorf("read the value of %q: %w", key, err)
		}
		if readable {
			take(key, rest[:end])
		} else {
			unreadable++
		}
		rest = bytes.TrimLeft(rest[end:], space)
	}
}

const space = " \t\r\n"

// after skips one character and the blanks behind it.
func after(text []byte, char byte) ([]byte, error) {
	if len(text) == 0 || text[0] != char {
		return nil, fmt.Errorf("read statistics: no %q %d bytes before the end", char, len(text))
	}
	return bytes.TrimLeft(text[1:], space), nil
}

// quotedEnd is where the quoted text ends that text begins with, or -1.
func quotedEnd(text []byte) int {
	if len(text) == 0 || text[0] != '"' {
		return -1
	}
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// unquote reads a key. What JSON and Go both quote they quote alike, but for pairs of
// surrogates, which only JSON has.
func unquote(quoted []byte) (string, bool) {
	if key, err := strconv.Unquote(string(quoted)); err == nil {
		return key, true
	}
	var key string
	err := json.Unmarshal(quoted, &key)
	return key, err == nil
}

// valueEnd is where the JSON value ends that text begins with. Nearly all values are
// numbers, for which no decoder is made.
func valueEnd(text []byte) (int, error) {
	if len(text) > 0 && (text[0] == '-' || text[0] >= '0' && text[0] <= '9') {
		if end := bytes.IndexAny(text, ",}"+space); end > 0 {
			return end, nil
		}
	}
	var value json.RawMessage
	decoder := json.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&value); err != nil {
		return 0, err
	}
	return int(decoder.InputOffset()), nil
}
