package delivery

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/multierr"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

func TestJudge(t *testing.T) {
	transient := errors.New("database is down")
	permanent := consumererror.NewPermanent(errors.New("no"))
	named := consumererror.NewPermanent(&analytics.RefusedError{Records: []analytics.RefusedRecord{{UID: analytics.UID{Segment: "s", Index: 3}, Reason: "r"}}})
	rest := consumererror.NewLogs(permanent, plog.NewLogs())
	for name, test := range map[string]struct {
		err   error
		want  answer
		named int
	}{
		"no error":                           {nil, answer{}, 0},
		"transient":                          {transient, answer{parts: 1, retry: true, vague: true}, 0},
		"permanent":                          {permanent, answer{parts: 1, vague: true}, 0},
		"named":                              {named, answer{parts: 1}, 1},
		"named, wrapped":                     {fmt.Errorf("exporter: %w", named), answer{parts: 1}, 1},
		"named by two":                       {multierr.Append(named, named), answer{parts: 2, joined: true}, 2},
		"one transient among permanent ones": {multierr.Combine(permanent, transient, named), answer{parts: 3, retry: true, vague: true, joined: true}, 1},
		"one transient, joined and wrapped":  {fmt.Errorf("fan-out: %w", errors.Join(permanent, transient)), answer{parts: 2, retry: true, vague: true, joined: true}, 0},
		"permanent and named":                {multierr.Append(permanent, named), answer{parts: 2, vague: true, joined: true}, 1},
		"permanent ones":                     {errors.Join(permanent, permanent), answer{parts: 2, vague: true, joined: true}, 0},
		"one, joined":                        {fmt.Errorf("not retryable error: %w", errors.Join(permanent)), answer{parts: 1, vague: true, joined: true}, 0},
		"a rest":                             {fmt.Errorf("not retryable error: %w", rest), answer{parts: 1, untaken: []plog.Logs{plog.NewLogs()}}, 0},
		"a rest, joined inside":              {consumererror.NewLogs(errors.Join(permanent, transient), plog.NewLogs()), answer{parts: 2, retry: true, joined: true, untaken: []plog.Logs{plog.NewLogs(), plog.NewLogs()}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got := judge(test.err)
			assert.Len(t, got.named, test.named)
			test.want.err, test.want.named = test.err, got.named
			assert.Equal(t, test.want, got)
		})
	}
}
