package push

// Nobody stands for no entry of a batch.
const Nobody = -1

// StoreAround stores the entries of list around those that the database refuses.
// try stores a piece wholly or not at all, and may give the place in it that the
// database names, or -1. refuses tells whether an error is a refusal, and refuses
// the entry i for it unless i is nobody. A piece that is refused is cut at the
// named place, or in the middle, until the refused entry stands alone. Where place
// is not -1, that one is cut out before anything is tried. An error that is no refusal
// ends it, and rest is what was not stored then.
func StoreAround(list []int32, place int, try func(piece []int32) (int, error), refuses func(i int32, err error) bool) (rest []int32, err error) {
	pieces := [][]int32{list}
	if place >= 0 {
		pieces = cut(list, place, nil)
	}
	for len(pieces) > 0 {
		piece := pieces[len(pieces)-1]
		pieces = pieces[:len(pieces)-1]
		place, err := try(piece)
		if err == nil {
			continue
		}
		alone := int32(Nobody)
		if len(piece) == 1 {
			alone = piece[0]
		}
		if !refuses(alone, err) {
			for _, piece := range append(pieces, piece) {
				rest = append(rest, piece...)
			}
			return rest, err
		}
		if alone == Nobody {
			pieces = cut(piece, place, pieces)
		}
	}
	return nil, nil
}

// cut pushes the pieces of list before, at and after place, or its halves, so that
// the first is taken next. No piece is as long as the list unless that is one long.
func cut(list []int32, place int, pieces [][]int32) [][]int32 {
	before, after := len(list)/2, len(list)/2
	if place >= 0 && place < len(list) {
		before, after = place, place+1
	}
	for _, piece := range [][]int32{list[after:], list[before:after], list[:before]} {
		if len(piece) > 0 {
			pieces = append(pieces, piece)
		}
	}
	return pieces
}
