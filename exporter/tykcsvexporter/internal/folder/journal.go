package folder

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// The journal is written anew, without what is forgotten and with neighbours joined, once it is
// of this size and has grown by this factor.
const (
	compactBytes  = 4 << 20
	compactGrowth = 4
)

// checksum is of rows and of lines of the journal.
var checksum = crc32.MakeTable(crc32.Castagnoli)

// entry is a line of the journal. It is one of three: what is going to be written, what was found to be
// written of that, or what was written long ago.
type entry struct {
	// At is when it was written, in seconds since 1970.
	At int64 `json:"at"`
	// Writing are the rows that are going to be written.
	Writing []span `json:"writing,omitempty"`
	// Settled tells that the line before has ended, and Kept which of its spans are there.
	Settled bool  `json:"settled,omitempty"`
	Kept    []int `json:"kept,omitempty"`
	// Stored are records that are written.
	Stored identities `json:"stored,omitempty"`
}

// span is rows of one file that are written together.
type span struct {
	Name string `json:"name"`
	// Inode tells whether the file is still the one that was written to.
	Inode uint64 `json:"inode"`
	// From and To are its sizes before and afterwards.
	From int64 `json:"from"`
	To   int64 `json:"to"`
	// Sum is the checksum of the bytes between.
	Sum    uint32     `json:"sum"`
	Stored identities `json:"stored,omitempty"`
}

// journal is the file of entries, as far as it was read.
type journal struct {
	path      string
	retention time.Duration
	ledger    ledger
	file      *os.File
	// size is that of what was read, or written here; what is behind is another process', or torn.
	size int64
	// compacted is the size that it had, or would have had, when it was written anew.
	compacted int64
	// pending is what was going to be written and is not settled.
	pending *entry
	damage  []string
}

// read takes what other processes have added. Who calls it has the lock.
func (j *journal) read(mode fs.FileMode) error {
	if j.file != nil && !isAt(j.file, j.path) {
		j.close() // another process has written it anew
	}
	opened := j.file == nil
	if opened {
		var err error
		if j.file, err = os.OpenFile(j.path, os.O_RDWR|os.O_CREATE, mode); err != nil {
			return err
		}
		j.size, j.compacted, j.pending = 0, 0, nil
		if err := syncDirectory(filepath.Dir(j.path)); err != nil {
			return err
		}
	}
	info, err := j.file.Stat()
	if err != nil || info.Size() == j.size {
		return err
	}
	if info.Size() < j.size {
		j.size = 0 // somebody has emptied it
	}
	if err := j.takeUntil(info.Size()); err != nil {
		return err
	}
	if opened && j.size >= compactBytes {
		j.compacted, err = j.writeAll(io.Discard)
	}
	return err
}

// takeUntil takes the lines that end before a size of the file, and cuts off what is left.
func (j *journal) takeUntil(size int64) error {
	reader := bufio.NewReader(io.NewSectionReader(j.file, j.size, size-j.size))
	for {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return j.truncate() // a line that was cut short was followed by no rows
		}
		if err != nil {
			return err
		}
		j.size += int64(len(line))
		e, err := parse(line)
		if err != nil {
			const shown = 80
			j.damage = append(j.damage, string(line[:min(len(line), shown)]))
			continue
		}
		j.take(e)
	}
}

// takeDamage gives the lines that could not be read, once.
func (j *journal) takeDamage() []string {
	damage := j.damage
	j.damage = nil
	return damage
}

// take takes what an entry says.
func (j *journal) take(e *entry) {
	switch {
	case len(e.Writing) > 0:
		j.pending = e
	case e.Settled && j.pending != nil:
		for _, i := range e.Kept {
			if i >= 0 && i < len(j.pending.Writing) {
				j.ledger.add(j.pending.Writing[i].Stored, j.pending.At)
			}
		}
		j.pending = nil
	default:
		j.ledger.add(e.Stored, e.At)
	}
}

// begin says what is going to be written, so that a failure of the machine does not lose it.
func (j *journal) begin(spans []span) error {
	if err := j.append(&entry{At: time.Now().Unix(), Writing: spans}); err != nil {
		return err
	}
	return j.file.Sync()
}

// settled says what of it is there. It need not survive a failure of the machine, after which the
// rows are looked at again.
func (j *journal) settled(kept []int) error {
	return j.append(&entry{At: time.Now().Unix(), Settled: true, Kept: kept})
}

// append adds an entry, or leaves the journal as it was.
func (j *journal) append(e *entry) error {
	line, err := format(e)
	if err != nil {
		return err
	}
	if _, err := j.file.WriteAt(line, j.size); err != nil {
		return errors.Join(err, j.truncate())
	}
	j.size += int64(len(line))
	j.take(e)
	return nil
}

// truncate cuts off what is behind the last whole line.
func (j *journal) truncate() error { return j.file.Truncate(j.size) }

// compact writes the journal anew once that pays.
func (j *journal) compact(mode fs.FileMode) error {
	if j.size < compactBytes || j.size < compactGrowth*j.compacted {
		return nil
	}
	if j.retention > 0 {
		j.ledger.forget(time.Now().Add(-j.retention).Unix())
	}
	path := j.path + ".new"
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	size, err := j.writeAll(file)
	if err == nil {
		err = file.Sync()
	}
	if err == nil {
		err = os.Rename(path, j.path)
	}
	if err != nil {
		return errors.Join(err, file.Close(), os.Remove(path))
	}
	j.close()
	j.file, j.size, j.compacted = file, size, size
	return syncDirectory(filepath.Dir(j.path))
}

// writeAll writes what is known, a line for each segment.
func (j *journal) writeAll(to io.Writer) (size int64, err error) {
	buffer := bufio.NewWriter(to)
	for name, s := range j.ledger {
		line, err := format(&entry{At: s.at, Stored: identities{name: s.ranges()}})
		if err != nil {
			return 0, err
		}
		n, _ := buffer.Write(line) // Flush has the error
		size += int64(n)
	}
	return size, buffer.Flush()
}

func (j *journal) close() {
	if j.file != nil {
		_ = j.file.Close() // what must be on disk is
		j.file = nil
	}
}

// format makes a line of an entry, with its checksum in front.
func format(e *entry) ([]byte, error) {
	text, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%08x %s\n", crc32.Checksum(text, checksum), text), nil
}

// parse reads a line that format made.
func parse(line []byte) (*entry, error) {
	sum, text, _ := bytes.Cut(bytes.TrimSuffix(line, []byte{'\n'}), []byte{' '})
	if want := fmt.Sprintf("%08x", crc32.Checksum(text, checksum)); string(sum) != want {
		return nil, fmt.Errorf("the checksum is %.8q instead of %s", sum, want)
	}
	e := &entry{}
	return e, json.Unmarshal(text, e)
}
