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
		case plain == given, editDistance(plain, given) <= min(typos, len(given)/3):
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

// editDistance counts the insertions, deletions and replacements between a and b.
func editDistance(a, b string) int {
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
