module github.com/otelcol-tyk/otelcol-tyk/internal/peers/mdcb

go 1.26.0

require github.com/TykTechnologies/gorpc v0.0.0-20210624160652-fe65bda0ccb9
