package folder

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"
)

// Names in the folder's own directory, which stands beside the files.
const (
	ownDirectory = ".tykcsv"
	lockName     = "lock"
)

// lockPause is the time between two looks at a lock that another process holds.
const lockPause = 5 * time.Millisecond

// Settings say where files are, and what they are like.
type Settings struct {
	// Dir is the directory, which is made if there is none.
	Dir string
	// Header is the first line of each file, with its line feed.
	Header []byte
	// Mode are the permissions of new files, less the process' umask.
	Mode fs.FileMode
	// MaxBytes is the size from which on rows go into another file; 0 is none.
	MaxBytes int64
	// Quiet is how long nothing is written to a file before Compress takes it.
	Quiet time.Duration
	// Retention is for how long identities are remembered; 0 is for ever.
	Retention time.Duration
	// Logger is told what was found of interrupted writes.
	Logger *zap.Logger
}

// Folder is a directory of files. Its methods may be called from several goroutines.
type Folder struct {
	Settings

	turn    chan struct{} // full while a goroutine works; it guards the fields below
	lock    *os.File      // open from the first use on, and locked while a goroutine works
	journal *journal
	// parts are the numbers of files that are written, of names of which the first is full.
	parts map[string]int
}

// New makes a folder of a directory, which the first use opens.
func New(settings Settings) *Folder {
	f := &Folder{Settings: settings, turn: make(chan struct{}, 1), parts: map[string]int{}}
	// A record may be in files of each header.
	name := fmt.Sprintf("journal-%08x", crc32.Checksum(settings.Header, checksum))
	f.journal = &journal{path: f.own(name), retention: settings.Retention, ledger: ledger{}}
	return f
}

// Check tells whether the directory can be written to, as far as that shows.
func (f *Folder) Check(ctx context.Context) error {
	release, err := f.hold(ctx)
	if err == nil {
		release()
	}
	return err
}

// Close closes what is open. A use after it opens the directory again.
func (f *Folder) Close() {
	f.turn <- struct{}{}
	f.close()
	<-f.turn
}

// hold makes this goroutine the only one of all processes that changes the directory, which
// is then as the journal says.
func (f *Folder) hold(ctx context.Context) (release func(), err error) {
	select {
	case f.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for other writes into %s: %w", f.Dir, ctx.Err())
	}
	if err := f.enter(ctx); err != nil {
		f.close() // the next attempt finds whatever is there then
		<-f.turn
		return nil, err
	}
	return func() {
		if err := unlock(f.lock); err != nil {
			f.close()
		}
		<-f.turn
	}, nil
}

// enter takes the lock and settles what an interrupted write has left.
func (f *Folder) enter(ctx context.Context) error {
	for {
		if err := f.open(); err != nil {
			return fmt.Errorf("open the directory %s: %w", f.Dir, err)
		}
		if err := waitLocked(ctx, f.lock); err != nil {
			return fmt.Errorf("lock the directory %s, which another process may hold: %w", f.Dir, err)
		}
		if isAt(f.lock, f.own(lockName)) {
			break
		}
		f.close() // the directory was moved away, and another one is in its place
	}
	if err := f.journal.read(f.Mode); err != nil {
		return fmt.Errorf("read the journal %s: %w", f.journal.path, err)
	}
	for _, damage := range f.journal.takeDamage() {
		f.Logger.Warn("a line of the journal is damaged: records that it names are written again if they come again",
			zap.String("journal", f.journal.path), zap.String("line", damage))
	}
	return f.settle()
}

// open opens the lock, and makes the directory if there is none.
func (f *Folder) open() error {
	if f.lock != nil {
		return nil
	}
	const reading, searching = 0o444, 2 // who may read files may find them
	if err := os.MkdirAll(f.own(""), f.Mode|f.Mode&reading>>searching); err != nil {
		return err
	}
	var err error
	f.lock, err = os.OpenFile(f.own(lockName), os.O_RDWR|os.O_CREATE, f.Mode)
	return err
}

func (f *Folder) close() {
	if f.lock != nil {
		giveBack(f.lock)
		f.lock = nil
	}
	f.journal.close()
}

// own is the path of a name in the folder's own directory.
func (f *Folder) own(name string) string { return filepath.Join(f.Dir, ownDirectory, name) }

// waitLocked locks a file for this process alone.
func waitLocked(ctx context.Context, file *os.File) error {
	for {
		err := lock(file)
		if !errors.Is(err, errLocked) {
			return err
		}
		select {
		case <-time.After(lockPause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// giveBack gives the lock of a file back and closes it. Closing alone would leave the lock with a process
// that was just started and has not become its program yet, since it has what is open here.
func giveBack(file *os.File) {
	_ = unlock(file)
	_ = file.Close() // to which nothing is written
}

// isAt tells whether a file is still the one at its path.
func isAt(file *os.File, path string) bool {
	opened, err := file.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(opened, there)
}

// syncDirectory makes new and renamed files of a directory survive a failure of the machine.
func syncDirectory(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
