module github.com/jumpring/jumpring

go 1.26.8
