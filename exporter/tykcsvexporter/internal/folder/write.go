package folder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"go.uber.org/zap"
)

const (
	ending     = ".csv"
	compressed = ".gz"
)

// target is a file that rows are appended to.
type target struct {
	span
	file *os.File
	rows []byte
}

// openFiles is how many files are open at once: times that a broken clock made have an hour each.
const openFiles = 64

// Append writes rows, and returns once they survive a failure of the machine. It gives how many were
// written, and how many had been before; after an error some of them may be, which another attempt finds.
func (f *Folder) Append(ctx context.Context, sheets []*Sheet) (stored, known int, err error) {
	release, err := f.hold(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer release()
	for some := range slices.Chunk(sheets, openFiles) {
		n, before, err := f.append(some)
		if err != nil {
			return 0, 0, err
		}
		stored, known = stored+n, known+before
	}
	if err := f.journal.compact(f.Mode); err != nil {
		f.Logger.Warn("the journal could not be written anew, and grows until it can", zap.String("journal", f.journal.path), zap.Error(err))
	}
	return stored, known, nil
}

func (f *Folder) append(sheets []*Sheet) (stored, known int, err error) {
	var targets []*target
	defer func() {
		for _, t := range targets {
			_ = t.file.Close() // what was written is on disk, or will be written again
		}
	}()
	for _, sheet := range sheets {
		rows, n, of := sheet.fresh(f.journal.ledger)
		stored, known = stored+n, known+len(sheet.ends)-n
		if n == 0 {
			continue
		}
		t, err := f.target(sheet.Name)
		if err != nil {
			return 0, 0, err
		}
		targets = append(targets, t)
		t.fill(f.Header, rows)
		t.Stored = of.identities()
	}
	if len(targets) == 0 {
		return 0, known, nil
	}
	if err := f.write(targets); err != nil {
		return 0, 0, errors.Join(err, f.settle())
	}
	return stored, known, nil
}

// write appends rows to their files, around which the journal says what they are.
func (f *Folder) write(targets []*target) error {
	spans, all, created := make([]span, len(targets)), make([]int, len(targets)), false
	for i, t := range targets {
		spans[i], all[i] = t.span, i
		created = created || t.From == 0
	}
	if err := f.journal.begin(spans); err != nil {
		return fmt.Errorf("write to the journal %s: %w", f.journal.path, err)
	}
	for _, t := range targets {
		_, err := t.file.Write(t.rows)
		if err == nil {
			err = t.file.Sync()
		}
		if err != nil {
			// Rows that could not be synchronised look whole, and may not be on disk.
			return errors.Join(fmt.Errorf("append %d bytes of rows: %w", len(t.rows), err), t.file.Truncate(t.From))
		}
	}
	if created {
		if err := syncDirectory(f.Dir); err != nil {
			return fmt.Errorf("make new files last: %w", err)
		}
	}
	return f.journal.settled(all)
}

// settle finds out what became of a write that did not come to its end.
func (f *Folder) settle() error {
	if f.journal.pending == nil {
		return nil
	}
	var kept []int
	for i, s := range f.journal.pending.Writing {
		whole, err := f.whole(s)
		if err != nil {
			return fmt.Errorf("look at an interrupted write: %w", err)
		}
		if whole {
			kept = append(kept, i)
		}
	}
	if err := f.journal.settled(kept); err != nil {
		return fmt.Errorf("write to the journal %s: %w", f.journal.path, err)
	}
	return nil
}

// whole tells whether all rows of a span are in their file, which is cut back otherwise.
func (f *Folder) whole(s span) (bool, error) {
	file, err := os.OpenFile(filepath.Join(f.Dir, s.Name), os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = file.Close() }() // what was changed is on disk
	info, err := file.Stat()
	if err != nil {
		return false, err
	}
	if inode(info) != s.Inode || info.Size() <= s.From {
		return false, nil // another file, or nothing was written
	}
	sum := crc32.New(checksum)
	n, err := io.Copy(sum, io.NewSectionReader(file, s.From, s.To-s.From))
	if err != nil {
		return false, err
	}
	if n == s.To-s.From && sum.Sum32() == s.Sum {
		return true, errors.Join(file.Sync(), syncDirectory(f.Dir))
	}
	if info.Size() > s.To {
		f.Logger.Warn("somebody else has written behind rows that were interrupted, so that they stay", zap.String("file", file.Name()))
		return false, nil
	}
	f.Logger.Info("rows of an interrupted write are cut off; they come again",
		zap.String("file", file.Name()), zap.Int64("bytes", info.Size()-s.From))
	return false, errors.Join(file.Truncate(s.From), file.Sync())
}

// target opens the file that rows are appended to: the first of its name that has room, and the
// same columns, and is not finished.
func (f *Folder) target(name string) (*target, error) {
	for part := f.parts[name]; ; part++ {
		file := partName(name, part) + ending
		_, err := os.Stat(filepath.Join(f.Dir, file+compressed))
		if err == nil {
			continue
		}
		t, err := f.openTarget(file)
		if err != nil {
			return nil, err
		}
		if t == nil {
			continue
		}
		if part > 0 {
			f.parts[name] = part
		}
		return t, nil
	}
}

func partName(name string, part int) string {
	if part == 0 {
		return name
	}
	return name + "-" + strconv.Itoa(part)
}

// openTarget opens a file, or gives nil if no rows may be appended to it.
func (f *Folder) openTarget(name string) (*target, error) {
	file, err := os.OpenFile(filepath.Join(f.Dir, name), os.O_RDWR|os.O_CREATE|os.O_APPEND, f.Mode)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && info.Size() > 0 {
		var fits bool
		if fits, err = f.fits(file, info.Size()); err == nil && !fits {
			return nil, file.Close()
		}
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &target{span: span{Name: name, Inode: inode(info), From: info.Size()}, file: file}, nil
}

// fits tells whether a file has our columns, ends with a row, and has room.
func (f *Folder) fits(file *os.File, size int64) (bool, error) {
	if f.MaxBytes > 0 && size >= f.MaxBytes {
		return false, nil
	}
	ours, err := f.isOurs(file, size)
	if err != nil || !ours {
		return false, err
	}
	last := make([]byte, 1)
	_, err = file.ReadAt(last, size-1)
	return last[0] == '\n', err
}

// isOurs tells whether a file has our columns.
func (f *Folder) isOurs(file *os.File, size int64) (bool, error) {
	head := make([]byte, len(f.Header))
	if size < int64(len(head)) {
		return false, nil
	}
	_, err := file.ReadAt(head, 0)
	return bytes.Equal(head, f.Header), err
}

// fill gives a target its rows, with the header before them if they are the first.
func (t *target) fill(header, rows []byte) {
	if t.From == 0 {
		rows = append(bytes.Clone(header), rows...)
	}
	t.rows = rows
	t.To = t.From + int64(len(rows))
	t.Sum = crc32.Checksum(rows, checksum)
}
