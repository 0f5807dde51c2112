package embedded

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// Allocate implements File with fallocate(2). Where the file system has none it writes zeros.
func (f osFile) Allocate(size int64) error {
	for {
		err := unix.Fallocate(int(f.Fd()), 0, 0, size)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EOPNOTSUPP):
			return writeZeros(f, 0, size)
		default:
			return err
		}
	}
}

// Sync implements File with fdatasync(2): inside an allocated file it leaves the times of the inode alone.
func (f osFile) Sync() error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// monotonic counts the time that a suspended machine sleeps through, which Go's own monotonic clock does not: on
// waking, the wall clock must not look as if it had jumped.
func monotonic() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return time.Since(processStart)
	}
	return time.Duration(ts.Nano())
}
