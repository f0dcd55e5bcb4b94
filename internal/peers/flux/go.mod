module github.com/otelcol-tyk/otelcol-tyk/internal/peers/flux

go 1.26.0

require github.com/influxdata/flux v0.65.0

require github.com/google/flatbuffers v1.11.0 // indirect
