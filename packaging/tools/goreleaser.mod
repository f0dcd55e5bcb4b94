module github.com/otelcol-tyk/otelcol-tyk/tools/goreleaser

go 1.26.0
