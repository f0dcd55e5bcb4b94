package netaddr

import (
	"errors"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAddressesAreShownWithoutWhatMayBeSecret(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                              `""`,
		"oracle":                        `"oracle"`,
		"redis":                         `"redis"`,
		"redis:6379":                    `"redis:6379"`,
		"10.0.0.1:99999":                `"10.0.0.1:99999"`,
		"[::1]:80":                      `"[::1]:80"`,
		"/run/a b":                      `"/run/a b"`,
		"/login?next=S3CRET":            `"/login"`,
		"http://h/a%2Fb":                `"http://h/a%2Fb"`,
		"http://h/a=b":                  `"http://h/a=b"`,
		"ftp://u:S3CRET@h":              `"ftp://h"`,
		"https://h:1/p?token=S3CRET#x":  `"https://h:1/p"`,
		"postgres://u:S3CRET@h/d":       `"postgres://h/d"`,
		"//u:S3CRET@h":                  `"//h"`,
		"u:S3CRET@h:6379":               hidden,
		"redis:/u:S3CRET@h":             hidden,
		"h:6379?password=S3CRET":        hidden,
		"localhost:6379?password=S3":    hidden,
		"h?token=S3CRET":                hidden,
		"host=h password=S3CRET":        hidden,
		"http://u:S3/CRET@h":            hidden,
		"http://u:12/S3CRET@h":          hidden,
		"http://u:12?S3CRET@h":          hidden,
		"http://u:12#S3CRET@h":          hidden,
		"redis://a:1,redis://u:S3@b:2":  hidden,
		"tyk:S3CRET@tcp(localhost:1)/d": hidden,
	} {
		assert.Equal(t, want, Shown(text), text)
	}
	assert.Equal(t, `"a:1", `+hidden, ShownAll([]string{"a:1", "S3CRET@b:2"}))
	failed := &url.Error{Op: "Get", URL: "http://u:S3CRET@h/p?S3CRET", Err: errors.New("away")}
	require.EqualError(t, BareError(failed), `Get "http://h/p": away`)
	require.EqualError(t, BareError(failed.Err), "away")
}

func TestAddressesAreChecked(t *testing.T) {
	t.Parallel()
	const noAddress, noPort = "is no address: use one like host:port", "its port must be from 1 to 65535"
	for text, want := range map[string]struct{ target, listener string }{
		"h:1":               {},
		":1":                {},
		"[::1]:65535":       {},
		"h:0":               {target: noPort},
		"h":                 {noAddress, noAddress},
		"h:":                {noAddress, noAddress},
		"h:65536":           {noPort, noPort},
		"h:-1":              {noPort, noPort},
		"h:abc":             {noPort, noPort},
		"h:6379?x=S3CRET":   {noPort, noPort},
		"http://h:1":        {noAddress, noAddress},
		"u:S3CRET@h:1":      {noAddress, noAddress},
		"S3CRET@h:1":        {noAddress, noAddress},
		"[u:S3CRET@h]:1":    {noAddress, noAddress},
		"redis:/u:S3CRET@h": {noAddress, noAddress},
	} {
		for got, want := range map[error]string{CheckTarget("tcp", text): want.target, CheckListener("tcp", text): want.listener} {
			if want == "" {
				require.NoError(t, got, text)
				continue
			}
			require.ErrorContains(t, got, want, text)
			require.NotContains(t, got.Error(), "S3CRET", text)
		}
	}
	require.NoError(t, CheckHTTP("https://h", "http://x"))
	for _, text := range []string{"h", "http://", "ftp://u:S3CRET@h", "u:S3CRET@h", "", "http://u:S3/CRET@h"} {
		require.EqualError(t, CheckHTTP(text, "http://x"), Shown(text)+" is no address: use one like http://x")
	}
}
