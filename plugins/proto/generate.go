// Package connectorv1 is the wire form of the connector protocol, generated from connector.proto. Connectors use
// plugins/sdk and the hub uses plugins/host instead; an author in another language generates from the same file.
package connectorv1

//go:generate sh -c "protoc --plugin=protoc-gen-go=$(go tool -modfile=../../tools/go.mod -n protoc-gen-go) --plugin=protoc-gen-go-grpc=$(go tool -modfile=../../tools/go.mod -n protoc-gen-go-grpc) --go_out=. --go_opt=paths=source_relative --go-grpc_out=. --go-grpc_opt=paths=source_relative connector.proto"
