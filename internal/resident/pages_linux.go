package resident

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// releasePages lets go of the pages of the binary that have been read so far. What is needed again comes from the
// kernel's cache, which may give up the rest. It does so only where the kernel alone has laid out the binary, as it does
// with one that go build made without cgo: what a loader has changed, as in position-independent binaries, is in the
// same pages, and would be lost.
func releasePages() (err error) {
	binary, err := elf.Open("/proc/self/exe")
	if err != nil {
		return fmt.Errorf("release the binary's pages: %w", err)
	}
	defer func() { err = errors.Join(err, binary.Close()) }()
	for _, p := range unchanged(binary) {
		page := uint64(os.Getpagesize()) //nolint:gosec // a power of two
		from, to := (p.Vaddr+page-1)&^(page-1), (p.Vaddr+p.Memsz)&^(page-1)
		if from >= to {
			continue
		}
		if _, _, errno := unix.Syscall(unix.SYS_MADVISE, uintptr(from), uintptr(to-from), unix.MADV_DONTNEED); errno != 0 {
			return fmt.Errorf("release the binary's pages: %w", errno)
		}
	}
	return nil
}

// unchanged are the parts of a binary that are in memory as they are in its file, at the addresses that the file names.
func unchanged(binary *elf.File) []*elf.Prog {
	loaded := slices.ContainsFunc(binary.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP || p.Type == elf.PT_GNU_RELRO })
	if binary.Type != elf.ET_EXEC || loaded {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(binary.Progs), func(p *elf.Prog) bool { return p.Type != elf.PT_LOAD || p.Flags&elf.PF_W != 0 })
}
