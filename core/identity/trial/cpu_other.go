//go:build !linux

package trial

import "time"

// threadTime is known on Linux alone.
func threadTime() time.Duration { return 0 }
