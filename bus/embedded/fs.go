package embedded

import "io"

// FS is the file layer under a journal. OS gives the operating system's; package faultfs has one in memory that
// injects faults. Paths are those of the operating system. Errors for a missing file match fs.ErrNotExist.
type FS interface {
	// MkdirAll makes a folder and those above it.
	MkdirAll(dir string) error
	// Create makes an empty file for reading and writing; a file of that name is emptied.
	Create(path string) (File, error)
	// Open opens an existing file for reading only.
	Open(path string) (File, error)
	// OpenWrite opens an existing file for reading and writing.
	OpenWrite(path string) (File, error)
	// Rename moves a file; one of the new name is replaced.
	Rename(oldPath, newPath string) error
	// Remove deletes a file.
	Remove(path string) error
	// ReadDir gives the names in a folder, sorted.
	ReadDir(dir string) ([]string, error)
	// SyncDir makes the creations, renames and removals in a folder durable.
	SyncDir(dir string) error
	// Lock takes an exclusive lock on the file, made if need be, and fails at once with ErrLocked if another holder
	// has it. Closing releases it; so does the end of the process.
	Lock(path string) (io.Closer, error)
}

// File is one open file of an FS. ReadAt and WriteAt may be called at the same time.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Size is the file's length in bytes.
	Size() (int64, error)
	// Allocate lengthens the file to size bytes that read as zeros and reserves their space on the disk, so that a
	// full disk is met here and not by a later write.
	Allocate(size int64) error
	// Sync makes the content durable, and as much of the metadata as reading it back takes.
	Sync() error
}
