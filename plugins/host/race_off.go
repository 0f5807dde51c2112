//go:build !race

package host

// raced tells that this is built with the race detector, which maps more memory than any limit.
const raced = false
