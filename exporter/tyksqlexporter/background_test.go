package tyksqlexporter

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestAnOutageIsToldByTheStatusAlone(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.WarnLevel)
	e := &sqlExporter{logger: zap.New(core)}
	e.health.Start(componenttest.NewNopHost(), zap.NewNop())
	down := errors.New("connection refused")
	e.health.Report(down)
	e.warn(t.Context(), "deleting old ledger rows failed; trying again later", down)
	assert.Zero(t, logs.Len())
	e.health.Report(nil)
	e.warn(t.Context(), "deleting old ledger rows failed; trying again later", errors.New("no rights"))
	assert.Equal(t, 1, logs.Len())
}
