module github.com/jumpring/jumpring

go 1.26.8

require (
	github.com/goccy/go-json v0.10.5
	github.com/nyaruka/phonenumbers v1.6.5
	github.com/tidwall/btree v1.8.1
	golang.org/x/net v0.62.0
	golang.org/x/text v0.43.0
	pgregory.net/rapid v1.2.0
)

require (
	golang.org/x/exp v0.0.0-20250305212735-054e65f0b394 // indirect
	google.golang.org/protobuf v1.36.5 // indirect
)
