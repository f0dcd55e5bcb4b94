package capture

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/klauspost/compress/zstd"
)

// format is what a file begins with.
const format = "otelcol-tyk capture 1"

// The kinds of frames.
const (
	frameList  = 'L'
	frameEntry = 'E'
	frameEnd   = 'Z'
)

// maxEntry bounds an entry of a file; Redis takes no larger value.
const maxEntry = 512 << 20

// Header says what a file is.
type Header struct {
	Format string `json:"format"`
	// Began is when the capture did.
	Began time.Time `json:"began"`
	// Source is the Redis, without credentials, and Run the server's own id.
	Source string `json:"source"`
	Run    string `json:"run,omitempty"`
	// Prefix and UptimePrefix are what stood before the lists' names.
	Prefix       string `json:"key_prefix"`
	UptimePrefix string `json:"uptime_key_prefix"`
	// Redacted says that entries are not what came, but that with credentials taken out.
	Redacted bool `json:"redacted"`
}

// Entry is one of a list.
type Entry struct {
	List string // without its prefix
	At   time.Time
	Data []byte
}

// Writer writes a file.
type Writer struct {
	packed  *zstd.Encoder
	lists   map[string]uint64
	last    time.Time
	scratch []byte
	// Entries and Bytes are what was written.
	Entries, Bytes int64
}

// NewWriter begins a file.
func NewWriter(to io.Writer, h Header) (*Writer, error) {
	h.Format = format
	line, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	if _, err := to.Write(append(line, '\n')); err != nil {
		return nil, err
	}
	packed, err := zstd.NewWriter(to, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	return &Writer{packed: packed, lists: map[string]uint64{}, last: h.Began}, nil
}

// Write adds an entry.
func (w *Writer) Write(e Entry) error {
	b := w.scratch[:0]
	number, known := w.lists[e.List]
	if !known {
		number = uint64(len(w.lists))
		w.lists[e.List] = number
		b = append(b, frameList)
		b = binary.AppendUvarint(b, uint64(len(e.List)))
		b = append(b, e.List...)
	}
	after := max(e.At.Sub(w.last).Milliseconds(), 0)
	w.last = w.last.Add(time.Duration(after) * time.Millisecond)
	b = append(b, frameEntry)
	b = binary.AppendUvarint(b, number)
	b = binary.AppendUvarint(b, uint64(after)) //nolint:gosec // not negative
	b = binary.AppendUvarint(b, uint64(len(e.Data)))
	b = append(b, e.Data...)
	w.scratch = b
	w.Entries++
	w.Bytes += int64(len(e.Data))
	_, err := w.packed.Write(b)
	return err
}

// Flush makes what was written readable.
func (w *Writer) Flush() error { return w.packed.Flush() }

// Close ends the file.
func (w *Writer) Close() error {
	_, err := w.packed.Write(binary.AppendUvarint([]byte{frameEnd}, uint64(w.Entries))) //nolint:gosec // not negative
	return errors.Join(err, w.packed.Close())
}

// ErrIncomplete says that a file ends before its end.
var ErrIncomplete = errors.New("the file ends early: the capture was interrupted, or the file was cut")

// Reader reads a file.
type Reader struct {
	Header Header
	packed *zstd.Decoder
	from   *bufio.Reader
	lists  []string
	last   time.Time
	read   uint64
}

// NewReader reads a file's beginning.
func NewReader(from io.Reader) (*Reader, error) {
	buffered := bufio.NewReader(from)
	line, err := buffered.ReadSlice('\n')
	r := &Reader{}
	if err != nil || json.Unmarshal(line, &r.Header) != nil || r.Header.Format != format {
		return nil, fmt.Errorf("this is no file of tykctl capture: its first line does not say %q", format)
	}
	const memory = 64 << 20
	r.packed, err = zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(memory))
	if err != nil {
		return nil, err
	}
	r.from, r.last = bufio.NewReader(r.packed), r.Header.Began
	return r, nil
}

// Next gives the next entry, whose data is the caller's, and io.EOF behind the last.
func (r *Reader) Next() (Entry, error) {
	for {
		kind, err := r.from.ReadByte()
		if err != nil {
			return Entry{}, early(err)
		}
		switch kind {
		case frameList:
			name, err := r.text(maxEntry)
			if err != nil {
				return Entry{}, err
			}
			r.lists = append(r.lists, string(name))
		case frameEntry:
			return r.entry()
		case frameEnd:
			n, err := binary.ReadUvarint(r.from)
			if err != nil {
				return Entry{}, early(err)
			}
			if n != r.read {
				return Entry{}, fmt.Errorf("the file says that it has %d entries, and has %d: it is damaged", n, r.read)
			}
			return Entry{}, io.EOF
		default:
			return Entry{}, fmt.Errorf("the file is damaged behind entry %d: there is no frame %q", r.read, kind)
		}
	}
}

func (r *Reader) entry() (Entry, error) {
	number, err := binary.ReadUvarint(r.from)
	if err != nil {
		return Entry{}, early(err)
	}
	after, err := binary.ReadUvarint(r.from)
	if err != nil {
		return Entry{}, early(err)
	}
	data, err := r.text(maxEntry)
	if err != nil {
		return Entry{}, err
	}
	const century = 100 * 366 * 24 * 60 * 60 * 1000
	if number >= uint64(len(r.lists)) || after > century {
		return Entry{}, fmt.Errorf("the file is damaged behind entry %d: its list or its time cannot be", r.read)
	}
	r.read++
	r.last = r.last.Add(time.Duration(after) * time.Millisecond) //nolint:gosec // checked
	return Entry{List: r.lists[number], At: r.last, Data: data}, nil
}

// text reads bytes with their length in front. Memory is taken as they come, not as the length says.
func (r *Reader) text(most uint64) ([]byte, error) {
	size, err := binary.ReadUvarint(r.from)
	if err != nil {
		return nil, early(err)
	}
	if size > most {
		return nil, fmt.Errorf("the file is damaged behind entry %d: a length of %d cannot be", r.read, size)
	}
	const sure = 1 << 20
	data := make([]byte, 0, min(size, sure))
	for uint64(len(data)) < size {
		part := min(size-uint64(len(data)), sure)
		start := len(data)
		data = append(data, make([]byte, part)...)
		if _, err := io.ReadFull(r.from, data[start:]); err != nil {
			return nil, early(err)
		}
	}
	return data, nil
}

// Close frees the memory.
func (r *Reader) Close() { r.packed.Close() }

func early(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrIncomplete
	}
	return fmt.Errorf("read the file: %w", err)
}
