package embedded

// WithEarlyMark breaks the durable mark: readers see a group before its fsync.
func WithEarlyMark(o Options) Options {
	o.earlyMark = true
	return o
}
