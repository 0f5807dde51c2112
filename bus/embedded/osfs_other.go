//go:build unix && !linux

package embedded

import "time"

// Allocate implements File by writing zeros.
func (f osFile) Allocate(size int64) error { return writeZeros(f, 0, size) }

func monotonic() time.Duration { return time.Since(processStart) }
