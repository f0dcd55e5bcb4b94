package sink

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
)

// Defaults are the settings of a store: an attempt takes at most 30 seconds, it is
// tried again without end, and there is no queue, since the receiver already sends
// in parallel. A queue that is turned on waits for the result.
func Defaults() (exporterhelper.TimeoutConfig, configretry.BackOffConfig, configoptional.Optional[exporterhelper.QueueBatchConfig]) {
	timeout := exporterhelper.NewDefaultTimeoutConfig()
	timeout.Timeout = 30 * time.Second

	retry := configretry.NewDefaultBackOffConfig()
	retry.InitialInterval = 500 * time.Millisecond
	retry.MaxInterval = 10 * time.Second
	retry.MaxElapsedTime = 0

	queue := exporterhelper.NewDefaultQueueConfig()
	queue.WaitForResult = true
	queue.BlockOnOverflow = true
	queue.QueueSize = 64
	queue.NumConsumers = 4
	return timeout, retry, configoptional.Default(queue)
}

// ValidateQueue refuses what would cut or mix the receiver's chunks, or answer
// for records before they are safe.
func ValidateQueue(optional configoptional.Optional[exporterhelper.QueueBatchConfig], retry configretry.BackOffConfig) error {
	if !optional.HasValue() {
		return nil
	}
	queue := optional.Get()
	var errs []error
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
