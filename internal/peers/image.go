package peers

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// image is what a server's own program makes of a new data directory, which takes it seconds. It makes one in a process,
// and all others are copies, but for servers that wait for the disk: those have the files that the program made.
type image struct {
	mu      sync.Mutex // guards entries: those who want the first one wait for it
	entries []imageEntry
}

// imageEntry is a directory or a file.
type imageEntry struct {
	path   string // from the directory on
	mode   fs.FileMode
	size   int64
	blocks []imageBlock
}

// imageBlock is a part of a file that is not all zero, as most of a log is that was made in advance.
type imageBlock struct {
	at    int64
	bytes []byte
}

const imageBlockSize = 64 << 10

// fill makes the contents of dir: the first time by program, and else as that made them. They belong to the account, or
// where that is nil to this process.
func (i *image) fill(dir string, account *syscall.Credential, program func() error) error {
	entries, err := i.made(dir, program)
	if err != nil {
		return err
	}
	for n := range entries {
		if err := entries[n].write(dir, account); err != nil {
			return fmt.Errorf("copy a data directory: %w", err)
		}
	}
	return nil
}

// made gives what is to be copied: nothing where dir is what the program makes.
func (i *image) made(dir string, program func() error) ([]imageEntry, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.entries != nil {
		return i.entries, nil
	}
	if err := program(); err != nil {
		return nil, err
	}
	entries, err := readImage(dir)
	if err != nil {
		return nil, fmt.Errorf("read a new data directory: %w", err)
	}
	i.entries = entries
	return nil, nil
}

func readImage(dir string) (entries []imageEntry, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		e := imageEntry{mode: info.Mode()}
		if e.path, err = filepath.Rel(dir, path); err != nil {
			return err
		}
		switch {
		case e.mode.IsDir():
		case !e.mode.IsRegular():
			return fmt.Errorf("%s is no file that can be copied: %s", path, e.mode)
		default:
			contents, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			e.size = int64(len(contents))
			for at := 0; at < len(contents); at += imageBlockSize {
				block := contents[at:min(at+imageBlockSize, len(contents))]
				if len(bytes.Trim(block, "\x00")) > 0 {
					e.blocks = append(e.blocks, imageBlock{int64(at), bytes.Clone(block)})
				}
			}
		}
		entries = append(entries, e)
		return nil
	})
	return entries, err
}

func (e *imageEntry) write(dir string, account *syscall.Credential) error {
	path := filepath.Join(dir, e.path)
	if e.mode.IsDir() {
		if err := os.MkdirAll(path, e.mode.Perm()); err != nil {
			return err
		}
	} else if err := e.writeFile(path); err != nil {
		return err
	}
	if err := os.Chmod(path, e.mode.Perm()); err != nil { // whatever this process' mask
		return err
	}
	if account == nil {
		return nil
	}
	return os.Chown(path, int(account.Uid), int(account.Gid))
}

func (e *imageEntry) writeFile(path string) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, e.mode.Perm())
	if err != nil {
		return err
	}
	defer func() {
		if closed := f.Close(); err == nil {
			err = closed
		}
	}()
	for _, b := range e.blocks {
		if _, err := f.WriteAt(b.bytes, b.at); err != nil {
			return err
		}
	}
	return f.Truncate(e.size)
}
