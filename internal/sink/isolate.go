package sink

import "slices"

// Outcome is what an error of storing a piece means.
type Outcome uint8

// Outcomes.
const (
	// Later: it speaks of no item. What is left is tried another time.
	Later Outcome = iota
	// Refused: one of the piece's items is to blame, whatever becomes of the others.
	Refused
	// Unclear: one of the items is to blame if others are taken.
	Unclear
)

// Unplaced is given in the place of an item where the store does not name one.
const Unplaced = -1

// patience is how many pieces may fail before the first one is taken. Every other one
// is the largest and every other one the smallest that is left, so that neither a run
// of refused items nor many that are spread out use it up.
const patience = 64

// Isolator stores the items of a list around those that a store does not take.
type Isolator[T any] struct {
	// Try stores a piece, wholly or not at all, and may name the place in it of the item
	// to blame; otherwise it gives Unplaced.
	Try func(piece []T) (place int, err error)
	// Judge tells what an error means.
	Judge func(error) Outcome
	// Refuse takes an item that is not stored, and why.
	Refuse func(item T, err error)
}

// Store stores the list. A piece that fails is cut at the named place, or in the
// middle, until an item stands alone. Items whose error is unclear are refused only if
// any other was taken before they failed; those that failed earlier are tried once more, since
// what kept all of them out may be over. An error asks for another attempt, and what was stored stays so.
func (s Isolator[T]) Store(list []T) error {
	if len(list) == 0 {
		return nil
	}
	var unclear []suspect[T]
	accepted, failed := false, 0
	pieces := [][]T{list}
	for len(pieces) > 0 {
		at := len(pieces) - 1
		if !accepted && failed%2 == 1 {
			at = longest(pieces)
		}
		piece := pieces[at]
		pieces = slices.Delete(pieces, at, at+1)
		place, err := s.Try(piece)
		if err == nil {
			accepted = true
			continue
		}
		failed++
		outcome := s.Judge(err)
		switch {
		case outcome == Later, outcome == Unclear && !accepted && failed >= patience:
			return err
		case len(piece) > 1:
			pieces = slices.Insert(pieces, at, cut(piece, place)...)
		case outcome == Refused:
			s.Refuse(piece[0], err)
		default:
			unclear = append(unclear, suspect[T]{piece[0], err, !accepted})
		}
	}
	if len(unclear) > 0 && !accepted {
		return unclear[0].err
	}
	for i := range unclear {
		u := &unclear[i]
		if !u.early {
			continue
		}
		if _, u.err = s.Try([]T{u.item}); u.err != nil && s.Judge(u.err) == Later {
			return u.err
		}
	}
	for _, u := range unclear {
		if u.err != nil {
			s.Refuse(u.item, u.err)
		}
	}
	return nil
}

// suspect is an item whose error is unclear.
type suspect[T any] struct {
	item  T
	err   error
	early bool // it failed before any other was taken
}

// cut gives the pieces of a list behind, at and before place, or its halves, so that
// the last is taken next. No piece is as long as the list unless that is one long.
func cut[T any](list []T, place int) [][]T {
	before, after := len(list)/2, len(list)/2
	if place >= 0 && place < len(list) {
		before, after = place, place+1
	}
	return slices.DeleteFunc([][]T{list[after:], list[before:after], list[:before]}, func(piece []T) bool { return len(piece) == 0 })
}

func longest[T any](pieces [][]T) int {
	at := 0
	for i := range pieces {
		if len(pieces[i]) > len(pieces[at]) {
			at = i
		}
	}
	return at
}
