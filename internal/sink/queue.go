package sink

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
)

// Sending says how pushes are bounded, repeated and queued; it is part of an exporter's configuration.
type Sending struct {
	// Timeout bounds a first attempt; 0 is no bound. See NewLogs.
	Timeout exporterhelper.TimeoutConfig `mapstructure:",squash"`
	// Retry says how a failed attempt is tried again; max_elapsed_time 0 retries without end.
	Retry configretry.BackOffConfig `mapstructure:"retry_on_failure"`
	// Queue says how many pushes are worked on at once and wait. There is none by default: whoever pushes
	// waits for the result, and sends in parallel.
	Queue configoptional.Optional[exporterhelper.QueueBatchConfig] `mapstructure:"sending_queue"`
}

// Defaults are the settings of a store: an attempt takes at most 30 seconds, it is
// tried again without end, and there is no queue, since the receiver already sends
// in parallel. A queue that is turned on waits for the result.
func Defaults() Sending {
	s := Sending{Timeout: exporterhelper.NewDefaultTimeoutConfig(), Retry: configretry.NewDefaultBackOffConfig()}
	s.Timeout.Timeout = 30 * time.Second
	s.Retry.InitialInterval = 500 * time.Millisecond
	s.Retry.MaxInterval = 10 * time.Second
	s.Retry.MaxElapsedTime = 0

	queue := exporterhelper.NewDefaultQueueConfig()
	queue.WaitForResult = true
	queue.BlockOnOverflow = true
	queue.QueueSize = 64
	queue.NumConsumers = 4
	s.Queue = configoptional.Default(queue)
	return s
}

// NewLogs puts queue, retries and timeout before an exporter that changes nothing of what it is pushed. A push
// that runs out of time has twice the time in its next attempt, ten times the timeout at most.
func (s Sending) NewLogs(ctx context.Context, set exporter.Settings, config component.Config, push consumer.ConsumeLogsFunc, start component.StartFunc, shutdown component.ShutdownFunc) (exporter.Logs, error) {
	l := &timeLimit{timeout: s.Timeout.Timeout, logger: set.Logger}
	return exporterhelper.NewLogs(ctx, set, config, l.bound(push), s.Options(start, shutdown)...)
}

// Options put queue and retries before an exporter that changes nothing of what it is pushed, and bounds its
// attempts itself.
func (s Sending) Options(start component.StartFunc, shutdown component.ShutdownFunc) []exporterhelper.Option {
	return []exporterhelper.Option{
		exporterhelper.WithStart(start),
		exporterhelper.WithShutdown(shutdown),
		exporterhelper.WithTimeout(exporterhelper.TimeoutConfig{}),
		exporterhelper.WithRetry(s.Retry),
		exporterhelper.WithQueue(s.Queue),
		exporterhelper.WithCapabilities(consumer.Capabilities{MutatesData: false}),
	}
}

// ValidateQueue refuses what would cut or mix the receiver's chunks, or answer
// for records before they are safe, and a first wait that nobody means.
func ValidateQueue(optional configoptional.Optional[exporterhelper.QueueBatchConfig], retry configretry.BackOffConfig) error {
	var errs []error
	const longest = 10 * time.Minute // for which nobody waits once a destination is back
	if retry.Enabled && retry.InitialInterval > max(retry.MaxInterval, longest) {
		errs = append(errs, fmt.Errorf("retry_on_failure::initial_interval: %v: use at most %v", retry.InitialInterval, max(retry.MaxInterval, longest)))
	}
	if !optional.HasValue() {
		return errors.Join(errs...)
	}
	queue := optional.Get()
	if queue.Batch.HasValue() {
		errs = append(errs, errors.New("sending_queue::batch: must not be set: a batch cuts and mixes the receiver's chunks, which are already of a good size (chunk_size of the receiver)"))
	}
	if queue.Sizer != exporterhelper.RequestSizerTypeRequests {
		errs = append(errs, fmt.Errorf("sending_queue::sizer: %q is not supported: a chunk larger than the queue would be refused for ever; use requests", queue.Sizer.String()))
	}
	if queue.StorageID == nil {
		if !queue.WaitForResult {
			errs = append(errs, errors.New("sending_queue::wait_for_result: false loses the records that wait in memory when the collector ends: use true, or set storage"))
		}
		return errors.Join(errs...)
	}
	if !retry.Enabled {
		errs = append(errs, errors.New("retry_on_failure::enabled: false with sending_queue::storage drops records at the first failure: use true"))
	}
	if retry.Enabled && retry.MaxElapsedTime != 0 {
		errs = append(errs, fmt.Errorf("retry_on_failure::max_elapsed_time: %v with sending_queue::storage drops records after that time: use 0, which retries without end", retry.MaxElapsedTime))
	}
	return errors.Join(errs...)
}
