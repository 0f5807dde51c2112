package queue

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/jumpring/jumpring/bus/embedded"
	"github.com/jumpring/jumpring/core/canon"
)

// state is a group's place as it is on the disk: all before Next is decided, but for what is in Undecided.
type state struct {
	Group     string      `json:"group"`
	Next      uint64      `json:"next"` // batch of the topic
	Undecided []undecided `json:"undecided,omitempty"`
}

// undecided is a message that was delivered or waits.
type undecided struct {
	Position canon.Position `json:"position"`
	Failures []Failure      `json:"failures,omitempty"`
	Tries    int            `json:"tries,omitempty"`
	Due      time.Time      `json:"due,omitzero"`
	// Replayed holds the message itself, where it came back from the parked ones.
	Replayed *content `json:"replayed,omitempty"`
}

// content is a message apart from its topic.
type content struct {
	Head    json.RawMessage `json:"head"`
	Payload []byte          `json:"payload"`
}

// oldest is the oldest batch that the group still needs.
func (s *state) oldest() uint64 {
	n := s.Next
	for i := range s.Undecided {
		if s.Undecided[i].Replayed == nil {
			n = min(n, s.Undecided[i].Position.Offset)
		}
	}
	return n
}

const stateSuffix = ".json"

func statePath(dir, group string) (string, error) {
	name, err := fileName(group)
	return filepath.Join(dir, name+stateSuffix), err
}

// readState gives nil for a group that has no place yet.
func readState(fsys embedded.FS, dir, group string) (*state, error) {
	path, err := statePath(dir, group)
	if err != nil {
		return nil, err
	}
	return readStateFile(fsys, path)
}

func readStateFile(fsys embedded.FS, path string) (s *state, err error) {
	f, err := fsys.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Size()
	if err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	raw, err := io.ReadAll(io.NewSectionReader(f, 0, size))
	if err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	s = &state{}
	if err := json.Unmarshal(raw, s); err != nil {
		return nil, fmt.Errorf("queue: the place of a group, %s, does not read: remove it to begin with the oldest message: %w", path, err)
	}
	return s, nil
}

// readStates gives the places of all groups of a topic.
func readStates(fsys embedded.FS, dir string) ([]*state, error) {
	names, err := fsys.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	var all []*state
	for _, name := range names {
		if !strings.HasSuffix(name, stateSuffix) {
			continue
		}
		s, err := readStateFile(fsys, filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		if s != nil {
			all = append(all, s)
		}
	}
	return all, nil
}

// write replaces the place of a group as a whole and durably.
func (s *state) write(fsys embedded.FS, dir string) error {
	path, err := statePath(dir, s.Group)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	f, err := fsys.Create(path + ".tmp")
	if err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	_, err = f.WriteAt(raw, 0)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = fsys.Rename(path+".tmp", path)
	}
	if err == nil {
		err = fsys.SyncDir(dir)
	}
	if err != nil {
		return fmt.Errorf("queue: keep the place of group %s: %w", s.Group, err)
	}
	return nil
}

func removeState(fsys embedded.FS, dir, group string) error {
	path, err := statePath(dir, group)
	if err != nil {
		return err
	}
	if err := fsys.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("queue: %w", err)
	}
	return fsys.SyncDir(dir)
}
