// Package spelling finds the name that is meant by one that does not exist.
package spelling

// Distance counts the letters that have to be inserted, deleted or replaced to make b of a.
func Distance(a, b string) int {
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
	best, least := "", max(len(name)/perLetter, 2)+1
	for _, other := range names {
		if len(other)-len(name) >= least || len(name)-len(other) >= least {
			continue // which spares long texts the counting
		}
		if d := Distance(name, other); d < least {
			best, least = other, d
		}
	}
	return best
}
