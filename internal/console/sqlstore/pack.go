package sqlstore

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// pack is the text of a row that is joined with those of others: giving a row costs more than what is in it. Each number
// has a blank behind it, each text its length before all texts.
func (s *Store) pack(numbers, texts []string) string {
	var parts []string
	for _, n := range numbers {
		parts = append(parts, "coalesce("+n+", 0) || ' '")
	}
	for _, t := range texts {
		parts = append(parts, "coalesce("+s.dialect.size(t)+", 0) || ' '")
	}
	for _, t := range texts {
		parts = append(parts, "coalesce("+t+", '')")
	}
	return s.dialect.join(strings.Join(parts, " || "))
}

// unpack calls do for each row that was joined by pack, with its numbers and texts, which do must not keep.
func unpack(from []byte, numbers []int64, texts [][]byte, do func()) error {
	whole := len(from)
	number := func() (int64, error) {
		text, rest, found := bytes.Cut(from, []byte{' '})
		if !found {
			return 0, fmt.Errorf("joined rows of %d bytes end in a number", whole)
		}
		from = rest
		var n int64
		for _, digit := range text {
			if digit < '0' || digit > '9' {
				f, err := strconv.ParseFloat(string(text), 64) // where somebody stored it so
				if err != nil {
					return 0, fmt.Errorf("a number in joined rows: %w", err)
				}
				return int64(f), nil
			}
			n = n*10 + int64(digit-'0')
		}
		return n, nil
	}
	sizes := make([]int64, len(texts))
	for len(from) > 0 {
		for _, into := range [][]int64{numbers, sizes} {
			for i := range into {
				n, err := number()
				if err != nil {
					return err
				}
				into[i] = n
			}
		}
		for i, size := range sizes {
			if size < 0 || size > int64(len(from)) {
				return fmt.Errorf("joined rows of %d bytes end in a text of %d", whole, size)
			}
			texts[i], from = from[:size], from[size:]
		}
		do()
	}
	return nil
}
