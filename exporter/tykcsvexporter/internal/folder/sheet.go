package folder

import "github.com/otelcol-tyk/otelcol-tyk/internal/analytics"

// Sheet is rows for the files of one name.
type Sheet struct {
	// Name is that of the first file, without its ending.
	Name string
	// Rows are the rows, each with its line feed; who appends one calls End.
	Rows []byte

	ends []int
	uids []analytics.UID
}

// End ends a row, and says which record it is of. A row without identity is written each time.
func (s *Sheet) End(uid analytics.UID) {
	s.ends = append(s.ends, len(s.Rows))
	s.uids = append(s.uids, uid)
}

// fresh gives the rows that are not written yet, and which records those are of.
func (s *Sheet) fresh(written ledger) (rows []byte, n int, of ledger) {
	of = ledger{}
	left := make([]bool, len(s.ends))
	for i, uid := range s.uids {
		left[i] = uid.Segment == "" || !written.contains(uid) && of.put(uid)
		if left[i] {
			n++
		}
	}
	if n == len(left) {
		return s.Rows, n, of
	}
	begin := 0
	for i, end := range s.ends {
		if left[i] {
			rows = append(rows, s.Rows[begin:end]...)
		}
		begin = end
	}
	return rows, n, of
}
