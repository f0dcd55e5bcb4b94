package compare

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"github.com/klauspost/compress/s2"
)

// piece is how many bytes of a batch are written at once.
const piece = 32 << 10

// spill keeps the packed rows of batches in a temporary file, so that a table is read once for all of them, in
// whatever order it comes.
type spill struct {
	file    *os.File
	at      int64
	pending [][]byte
	pieces  [][]extent
	scratch []byte
}

// extent is where a piece is in the file.
type extent struct {
	at   int64
	size int
}

// newSpill makes the file. It has no name from the start where the system allows that, so that nothing is left behind.
func newSpill(batches int) (*spill, error) {
	file, err := os.CreateTemp("", "tykctl-compare-")
	if err != nil {
		return nil, fmt.Errorf("keep rows that differ: %w: set TMPDIR to a directory with room", err)
	}
	_ = os.Remove(file.Name()) // close tries again
	return &spill{file: file, pending: make([][]byte, batches), pieces: make([][]extent, batches)}, nil
}

// add keeps a row of a batch.
func (s *spill) add(batch int, packed []byte) error {
	b := binary.AppendUvarint(s.pending[batch], uint64(len(packed)))
	s.pending[batch] = append(b, packed...)
	if len(s.pending[batch]) < piece {
		return nil
	}
	return s.flush(batch)
}

func (s *spill) flush(batch int) error {
	s.scratch = s2.Encode(s.scratch[:cap(s.scratch)], s.pending[batch])
	s.pending[batch] = s.pending[batch][:0]
	if _, err := s.file.WriteAt(s.scratch, s.at); err != nil {
		return fmt.Errorf("keep rows that differ: %w: set TMPDIR to a directory with room", err)
	}
	s.pieces[batch] = append(s.pieces[batch], extent{s.at, len(s.scratch)})
	s.at += int64(len(s.scratch))
	return nil
}

// rows visits the rows of a batch, which stay as they are.
func (s *spill) rows(batch int, visit func(packed []byte)) error {
	for _, e := range s.pieces[batch] {
		compressed := make([]byte, e.size)
		if _, err := s.file.ReadAt(compressed, e.at); err != nil {
			return fmt.Errorf("read rows that differ: %w", err)
		}
		text, err := s2.Decode(nil, compressed)
		if err != nil {
			return fmt.Errorf("read rows that differ: %w", err)
		}
		each(text, visit)
	}
	each(s.pending[batch], visit)
	return nil
}

func each(text []byte, visit func(packed []byte)) {
	for len(text) > 0 {
		size, n := binary.Uvarint(text)
		end := n + int(size) //nolint:gosec // of a row that add wrote
		visit(text[n:end:end])
		text = text[end:]
	}
}

// close removes the file.
func (s *spill) close() error {
	err := s.file.Close()
	if removed := os.Remove(s.file.Name()); !errors.Is(removed, os.ErrNotExist) {
		err = errors.Join(err, removed)
	}
	return err
}
