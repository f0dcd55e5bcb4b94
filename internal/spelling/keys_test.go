package spelling

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/confmap"
)

type settings struct {
	Server       confighttp.ServerConfig         `mapstructure:",squash"`
	PollInterval time.Duration                   `mapstructure:"poll_interval"`
	Tables       map[string][]*table             `mapstructure:"tables"`
	Queue        configoptional.Optional[nested] `mapstructure:"sending_queue"`
	Next         *settings                       `mapstructure:"next"`
}

type table struct {
	Enabled bool `mapstructure:"enabled"`
}

type nested struct {
	Storage string `mapstructure:"storage"`
}

func TestKeysThatAreMeantAreNamed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		config map[string]any
		want   string
	}{
		{map[string]any{"poll_intervall": "1s", "enpoint": "x"}, "(did you mean endpoint for enpoint, poll_interval for poll_intervall?)"},
		{map[string]any{"tables": map[string]any{"a": []any{map[string]any{"enable": true}}}}, "(did you mean enabled for enable?)"},
		{map[string]any{"sending_queue": map[string]any{"storrage": "x"}}, "(did you mean storage for storrage?)"},
	} {
		s := &settings{Queue: configoptional.Default(nested{})}
		err := Keys(confmap.NewFromStringMap(c.config).Unmarshal(s), s)
		require.ErrorContains(t, err, "has invalid keys")
		require.ErrorContains(t, err, c.want)
	}
}

func TestOtherErrorsStay(t *testing.T) {
	t.Parallel()
	require.NoError(t, Keys(nil, settings{}))
	for _, text := range []string{"other", "has invalid keys: something_else_entirely", "has invalid keys: storage"} {
		err := errors.New(text)
		assert.Equal(t, err, Keys(err, &settings{}))
	}
}
