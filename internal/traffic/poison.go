package traffic

// poison makes the n-th undecodable entry out of a good one: garbage of several
// kinds, and a record cut short.
func poison(n int64, good []byte) []byte {
	switch n % 4 {
	case 0:
		return good[:len(good)-1] // ends inside its last string in both wire forms
	case 1:
		return []byte(`{"error":"this is JSON, not a record"}`)
	case 2:
		return []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	default:
		return []byte("\x00\x01\x02 torn by a broken proxy")
	}
}
