package main

import (
	"bytes"
	"encoding/json"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus/embedded"
)

// killPoint says at which write of the journal its process is to be killed.
type killPoint struct {
	// Has are the words that one write of the journal has to contain, all of them.
	Has []string
	// Synced kills after the write is durable, before anybody is told. Otherwise the write is not made at all.
	Synced bool
}

// arm sets the kill point of the sandbox's running hub.
func (s *sandbox) arm(k killPoint) {
	s.t.Helper()
	require.NotEmpty(s.t, s.spec.KillFile)
	raw, err := json.Marshal(k)
	require.NoError(s.t, err)
	require.NoError(s.t, os.WriteFile(s.spec.KillFile+".tmp", raw, 0o600))
	require.NoError(s.t, os.Rename(s.spec.KillFile+".tmp", s.spec.KillFile))
}

// killFS is the operating system's file layer, whose process kills itself with SIGKILL at the kill point that a file
// arms. The file is looked at before each write and removed before the kill.
type killFS struct {
	embedded.OS
	file string
}

func newKillFS(file string) *killFS { return &killFS{file: file} }

func (f *killFS) Create(path string) (embedded.File, error) {
	file, err := f.OS.Create(path)
	return &killFile{File: file, fs: f}, err
}

func (f *killFS) OpenWrite(path string) (embedded.File, error) {
	file, err := f.OS.OpenWrite(path)
	return &killFile{File: file, fs: f}, err
}

// killFile is an open file; one goroutine writes and syncs it.
type killFile struct {
	embedded.File
	fs   *killFS
	next bool // the next sync is the last
}

func (f *killFile) WriteAt(b []byte, at int64) (int, error) {
	raw, err := os.ReadFile(f.fs.file)
	if err != nil {
		return f.File.WriteAt(b, at) // not armed
	}
	var k killPoint
	if err := json.Unmarshal(raw, &k); err != nil {
		return 0, err
	}
	for _, word := range k.Has {
		if !bytes.Contains(b, []byte(word)) {
			return f.File.WriteAt(b, at)
		}
	}
	if !k.Synced {
		return 0, f.fs.die()
	}
	f.next = true
	return f.File.WriteAt(b, at)
}

func (f *killFile) Sync() error {
	err := f.File.Sync()
	if err == nil && f.next {
		return f.fs.die()
	}
	return err
}

// die does not return.
func (f *killFS) die() error {
	if err := os.Remove(f.file); err != nil {
		return err
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
		return err
	}
	select {}
}

func TestKillFSLetsUnarmedWritesThrough(t *testing.T) {
	dir := t.TempDir()
	j, err := embedded.Open(embedded.Options{Dir: dir + "/journal", FS: newKillFS(dir + "/kill")})
	require.NoError(t, err)
	require.NoError(t, j.Close())
}
