package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/jumpring/jumpring/core/canon"
)

// Start tells how Open found a view.
type Start struct {
	// Fresh tells that there was none.
	Fresh bool
	// Clean tells that it was closed properly the last time.
	Clean bool
	// Discarded is why what was there was thrown away; empty when it was not. Take a snapshot and replay.
	Discarded string
}

// state is the small file beside the database that survives a power loss.
type state struct {
	BootID string `json:"boot_id"`
	Clean  bool   `json:"clean"` // closed, with everything synced
}

const stateFile = "state.json"

// SystemBootID gives the kernel's id of the running boot; it is another one after each restart of the machine.
func SystemBootID() (string, error) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(b)), nil
}

// judgeStart applies the rules for what a view is worth after the stop before. A process that dies takes nothing with
// it: the kernel still writes what Badger wrote. A machine that dies may leave a state that is no exact prefix of the
// commits, because they are not synced; such a view is not gone on with (invariant 2).
func judgeStart(dir, boot string) (Start, error) {
	if _, err := os.Stat(filepath.Join(dir, "badger")); errors.Is(err, fs.ErrNotExist) {
		return Start{Fresh: true}, nil
	} else if err != nil {
		return Start{}, err
	}
	raw, err := os.ReadFile(filepath.Join(dir, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Start{Discarded: "the state file is missing"}, nil
	}
	if err != nil {
		return Start{}, err
	}
	var s state
	switch {
	case json.Unmarshal(raw, &s) != nil:
		return Start{Discarded: "the state file does not read"}, nil
	case s.Clean:
		return Start{Clean: true}, nil
	case boot == "":
		return Start{Discarded: "unclean stop, and the machine does not tell its boot"}, nil
	case s.BootID != boot:
		return Start{Discarded: "unclean stop, and the machine was restarted since"}, nil
	}
	return Start{}, nil
}

func writeState(dir string, s state) error {
	raw, err := json.Marshal(s)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, stateFile)
	f, err := os.OpenFile(path+".tmp", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err = f.Write(raw); err == nil {
		err = f.Sync()
	}
	return publish(f, path, err)
}

// publish closes a written temporary file and puts it in its place, durably; on failure it removes it.
func publish(f *os.File, path string, err error) error {
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncPath(filepath.Dir(path))
}

// syncPath brings a file or a folder's entries to disk.
func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// syncFiles brings a folder and its files to disk.
func syncFiles(dir string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := syncPath(filepath.Join(dir, f.Name())); err != nil {
			return err
		}
	}
	return syncPath(dir)
}

// ErrInUse is wrapped by the error of Open when another process has the folder open.
var ErrInUse = errors.New("another process has the folder open")

func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(ErrInUse, f.Close())
	}
	return f, nil
}

// Chain answers for the journal: the hash chain, in hexadecimal, at the batch of an offset, and false when the
// journal does not have that batch.
type Chain func(offset uint64) (hash string, ok bool, err error)

// Attach compares a mark with the journal that the store is to follow. The reason is empty when the journal confirms
// the mark, so that the fold goes on behind it; else it says why the view must be wiped and made again from a snapshot
// and the journal. An error means that the journal could not be read, and decides nothing.
//
// end is the journal's newest durable offset.
func Attach(mark Mark, journalID string, end uint64, chain Chain) (reason string, err error) {
	switch {
	case mark.Position == canon.Position{}:
		return "the view stands for no position", nil
	case mark.JournalID != journalID:
		return fmt.Sprintf("the view is of journal %s, this is journal %s", mark.JournalID, journalID), nil
	case mark.Position.Offset > end:
		return fmt.Sprintf("the view is ahead of the journal: %s, and the journal ends at %d", mark.Position, end), nil
	}
	hash, ok, err := chain(mark.Position.Offset)
	switch {
	case err != nil:
		return "", fmt.Errorf("store: compare the view with the journal at %s: %w", mark.Position, err)
	case !ok:
		return fmt.Sprintf("the journal does not have batch %d any more", mark.Position.Offset), nil
	case hash != mark.Hash:
		return fmt.Sprintf("the journal's hash at batch %d is another one", mark.Position.Offset), nil
	}
	return "", nil
}
