module github.com/jumpring/jumpring

go 1.26.8

require (
	github.com/goccy/go-json v0.10.5
	github.com/tidwall/btree v1.8.1
	pgregory.net/rapid v1.2.0
)
