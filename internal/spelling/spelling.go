// Package spelling tells which known name was meant by one that is not known.
package spelling

import "strings"

// Near lists the known names that differ from name by spelling, by up to two letters, or else by
// being longer or shorter.
func Near(name string, all []string) []string {
	const typos = 2
	given := plainName(name)
	if len(given) < 2 {
		return nil
	}
	var spelled, partly []string
	for _, known := range all {
		plain := plainName(known)
		switch {
		case plain == given, distance(plain, given) <= min(typos, len(given)/3):
			spelled = append(spelled, known)
		case strings.Contains(plain, given), strings.Contains(given, plain):
			partly = append(partly, known)
		}
	}
	if len(spelled) > 0 {
		return spelled
	}
	return partly
}

// plainName is the name without what people vary: case and separators.
func plainName(name string) string {
	return strings.NewReplacer("_", "", "-", "", ".", "", " ", "").Replace(strings.ToLower(name))
}

// distance counts the letters that have to be inserted, deleted or replaced to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// Nearest finds the name that differs least, if it does not differ much; empty where none is near.
func Nearest(name string, names []string) string {
	const perLetter = 4
	return Within(max(len(name)/perLetter, 2), name, names)
}

// Within is Nearest with at most so many letters that differ.
func Within(most int, name string, names []string) string {
	best, least := "", most+1
	for _, other := range names {
		if len(other)-len(name) >= least || len(name)-len(other) >= least {
			continue // which spares long texts the counting
		}
		if d := distance(name, other); d < least {
			best, least = other, d
		}
	}
	return best
}
