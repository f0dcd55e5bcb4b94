package folder

import (
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// written are names of files of rows.
var written = regexp.MustCompile(`^\d+-[A-Z][a-z]+-\d+-\d+(-\d+)?\.csv$`)

// Compress compresses the files to which nothing was written for Quiet, unless another process does.
func (f *Folder) Compress(ctx context.Context) error {
	if err := f.Check(ctx); err != nil {
		return err
	}
	// A lock of its own: rows go on being written.
	guard, err := os.OpenFile(f.own("compress"), os.O_RDWR|os.O_CREATE, f.Mode)
	if err != nil {
		return err
	}
	defer giveBack(guard)
	if err := lock(guard); errors.Is(err, errLocked) {
		return nil
	} else if err != nil {
		return err
	}
	entries, err := os.ReadDir(f.Dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		if !e.Type().IsRegular() || !written.MatchString(e.Name()) || ctx.Err() != nil {
			continue
		}
		if err := f.compress(ctx, e.Name()); err != nil && ctx.Err() == nil {
			errs = append(errs, fmt.Errorf("compress %s: %w", e.Name(), err))
		}
	}
	return errors.Join(errs...)
}

// compress puts a compressed file in the place of a finished one.
func (f *Folder) compress(ctx context.Context, name string) error {
	path := filepath.Join(f.Dir, name)
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // which is only read
	before, err := file.Stat()
	if err != nil || time.Since(before.ModTime()) < f.Quiet {
		return err
	}
	if ours, err := f.isOurs(file, before.Size()); err != nil || !ours {
		return err
	}
	if _, err := os.Stat(path + compressed); err == nil {
		same, err := isCopy(path+compressed, file)
		if err != nil || !same {
			return err
		}
		return f.replace(ctx, file, before, "") // an earlier attempt ended in between
	}
	made := f.own(name + compressed)
	if err := f.writeCompressed(ctx, made, file); err != nil {
		return errors.Join(err, os.Remove(made))
	}
	return f.replace(ctx, file, before, made)
}

// replace removes a file that nobody has changed meanwhile, after made has become its compressed one.
func (f *Folder) replace(ctx context.Context, file *os.File, before os.FileInfo, made string) error {
	release, err := f.hold(ctx)
	if err != nil {
		return err
	}
	defer release()
	now, err := os.Stat(file.Name())
	if err != nil || !os.SameFile(before, now) || now.Size() != before.Size() || !now.ModTime().Equal(before.ModTime()) {
		if made != "" {
			return os.Remove(made)
		}
		return nil
	}
	if made != "" {
		if err := os.Rename(made, file.Name()+compressed); err != nil {
			return err
		}
		if err := syncDirectory(f.Dir); err != nil {
			return err
		}
	}
	return os.Remove(file.Name())
}

func (f *Folder) writeCompressed(ctx context.Context, path string, from *os.File) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, f.Mode)
	if err != nil {
		return err
	}
	writer := gzip.NewWriter(file)
	writer.Name = filepath.Base(from.Name())
	_, err = io.Copy(writer, &cancelled{ctx, from})
	return errors.Join(err, writer.Close(), file.Sync(), file.Close())
}

// cancelled is a reader that fails once its context ends.
type cancelled struct {
	ctx  context.Context
	from io.Reader
}

// Read reads a piece.
func (c *cancelled) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.from.Read(b)
}

// isCopy tells whether a compressed file has the content of another one, by what stands at its end.
func isCopy(path string, of *os.File) (bool, error) {
	file, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer func() { _ = file.Close() }() // which is only read
	end := make([]byte, 8)              // checksum and size
	if _, err := file.Seek(-int64(len(end)), io.SeekEnd); err != nil {
		return false, err
	}
	if _, err := io.ReadFull(file, end); err != nil {
		return false, err
	}
	sum := crc32.NewIEEE()
	size, err := io.Copy(sum, of)
	return binary.LittleEndian.Uint32(end) == sum.Sum32() && binary.LittleEndian.Uint32(end[4:]) == uint32(size), err //nolint:gosec // modulo 2^32 by the format
}
