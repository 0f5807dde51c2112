//go:build race

package queue_test

// raced tells that the race detector is on, under which sizes are smaller.
const raced = true
