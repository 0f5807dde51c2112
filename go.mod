module github.com/jumpring/jumpring

go 1.26.8

require (
	github.com/goccy/go-json v0.10.5
	github.com/hashicorp/go-hclog v1.6.3
	github.com/nyaruka/phonenumbers v1.6.5
	github.com/tidwall/btree v1.8.1
	golang.org/x/net v0.62.0
	golang.org/x/text v0.43.0
	pgregory.net/rapid v1.2.0
)

require (
	github.com/fatih/color v1.13.0 // indirect
	github.com/mattn/go-colorable v0.1.12 // indirect
	github.com/mattn/go-isatty v0.0.14 // indirect
	golang.org/x/exp v0.0.0-20250305212735-054e65f0b394 // indirect
	golang.org/x/sys v0.49.0 // indirect
	google.golang.org/protobuf v1.36.5 // indirect
)
