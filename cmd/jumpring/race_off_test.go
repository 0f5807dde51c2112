//go:build !race

package main

// raced tells that the race detector is on, which makes everything several times slower and larger.
const raced = false
