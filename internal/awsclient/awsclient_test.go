package awsclient_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/awsclient"
	"github.com/otelcol-tyk/otelcol-tyk/internal/awsclient/awstest"
	"github.com/otelcol-tyk/otelcol-tyk/internal/batchhttp"
)

func TestWhatCannotWorkIsRefused(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]awsclient.Config{
		"endpoint: the value is no address: use one like https://sqs.eu-west-1": {Endpoint: "sqs.eu-west-1.amazonaws.com"},
		"endpoint: the value has credentials":                                   {Endpoint: "https://hush:hush@sqs"},
		"access_key_id, secret_access_key: only one is set":                     {AccessKeyID: "hush"},
		"session_token: belongs to access_key_id":                               {SessionToken: "hush"},
		`role_arn: "role/r" is no ARN`:                                          {RoleARN: "role/r"},
		"external_id: belongs to role_arn":                                      {ExternalID: "hush"},
	} {
		require.ErrorContains(t, c.Check(), want)
		assert.NotContains(t, c.Check().Error(), "hush")
	}
	require.NoError(t, (&awsclient.Config{}).Check())
	require.NoError(t, (&awsclient.Config{Endpoint: "http://localhost:4566", AccessKeyID: "a", SecretAccessKey: "b", SessionToken: "c"}).Check())
}

// isolated has nothing found in the environment or in shared files but what is given.
func isolated(t *testing.T, env map[string]string) {
	t.Helper()
	for _, name := range []string{
		"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL",
	} {
		t.Setenv(name, env[name])
	}
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "config"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "credentials"))
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

func TestSettingsAreFoundAsAmazonsSDKDoesIt(t *testing.T) {
	isolated(t, map[string]string{"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "env", "AWS_SECRET_ACCESS_KEY": "s"})
	for want, c := range map[string]awsclient.Config{
		"eu-west-1 env": {},
		"us-east-1 own": {Region: "us-east-1", AccessKeyID: "own", SecretAccessKey: "s"},
	} {
		found, err := c.Load(t.Context())
		require.NoError(t, err)
		credentials, err := found.Credentials.Retrieve(t.Context())
		require.NoError(t, err)
		assert.Equal(t, want, found.Region+" "+credentials.AccessKeyID)
	}

	isolated(t, nil)
	_, err := (&awsclient.Config{}).Load(t.Context())
	require.EqualError(t, err, "region: is not set, and neither AWS_REGION nor a shared file names one: set it")
	require.NoError(t, os.WriteFile(os.Getenv("AWS_CONFIG_FILE"), []byte("[default]\nregion = ap-south-1\naws_access_key_id = file\naws_secret_access_key = s\n"), 0o600))
	found, err := (&awsclient.Config{}).Load(t.Context())
	require.NoError(t, err)
	credentials, err := found.Credentials.Retrieve(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "ap-south-1 file", found.Region+" "+credentials.AccessKeyID)
	t.Setenv("AWS_PROFILE", "nobody")
	_, err = (&awsclient.Config{}).Load(t.Context())
	require.ErrorContains(t, err, "read the settings of AWS from the environment and shared files: ")
}

// startSTS starts a service of roles, which says for each request what answer says, and tells its clients where it is.
func startSTS(t *testing.T, answer func(w http.ResponseWriter, r *http.Request)) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(answer))
	t.Cleanup(server.Close)
	t.Setenv("AWS_ENDPOINT_URL_STS", server.URL)
}

// ask asks a queue's server something, as whom a configuration says, and gives the verdict.
func ask(t *testing.T, c awsclient.Config) batchhttp.Verdict {
	t.Helper()
	found, err := c.Load(t.Context())
	require.NoError(t, err)
	client := sqs.NewFromConfig(found, func(o *sqs.Options) { o.BaseEndpoint = c.Base() })
	_, err = client.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String("q")})
	if err == nil {
		return batchhttp.Verdict{Outcome: batchhttp.Accepted}
	}
	return awsclient.Failed("SQS", err)
}

func TestARoleIsTakenOn(t *testing.T) {
	isolated(t, nil)
	var form map[string][]string
	startSTS(t, func(w http.ResponseWriter, r *http.Request) {
		assert.NoError(t, r.ParseForm())
		form = r.PostForm
		fmt.Fprint(w, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><AccessKeyId>ROLE</AccessKeyId>`+
			`<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`)
	})
	var signed string
	queue := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		signed = r.Header.Get("Authorization")
		fmt.Fprint(w, `{"QueueUrl": "u"}`)
	}))
	t.Cleanup(queue.Close)
	role := awsclient.Config{
		Region: "us-east-1", Endpoint: queue.URL, AccessKeyID: "a", SecretAccessKey: "b", RoleARN: "arn:aws:iam::1:role/r", ExternalID: "e",
	}
	assert.Equal(t, batchhttp.Accepted, ask(t, role).Outcome)
	assert.Equal(t, []string{"arn:aws:iam::1:role/r"}, form["RoleArn"])
	assert.Equal(t, []string{"e"}, form["ExternalId"])
	assert.Contains(t, signed, "Credential=ROLE/")

	startSTS(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `<ErrorResponse><Error><Code>AccessDenied</Code><Message>may not</Message></Error><RequestId>different</RequestId></ErrorResponse>`)
	})
	verdict := ask(t, role)
	assert.Equal(t, batchhttp.Later, verdict.Outcome)
	require.EqualError(t, verdict.Err, "STS answered AccessDenied: may not: "+
		"allow the call to the user or role whose credentials these are, at the destination and at its key")
}

func TestWithoutCredentialsRecordsWait(t *testing.T) {
	isolated(t, nil)
	verdict := ask(t, awsclient.Config{Region: "us-east-1", Endpoint: "http://127.0.0.1:1"})
	assert.Equal(t, batchhttp.Later, verdict.Outcome)
	require.ErrorContains(t, verdict.Err, "ask SQS: get identity: get credentials: ")
}

// Equal failures read alike, and no secret is in what is told of them.
func TestFailuresReadAlike(t *testing.T) {
	t.Parallel()
	n := 0
	server := awstest.Start(t, func(string, []byte) awstest.Answer {
		n++
		return awstest.Fault("SignatureDoesNotMatch", fmt.Sprintf("The canonical string should have been\nx-amz-security-token:hush %d", n))
	})
	c := awsclient.Config{Region: "us-east-1", Endpoint: server.URL, AccessKeyID: "hush", SecretAccessKey: "hush", SessionToken: "hush"}
	for range 2 {
		require.EqualError(t, ask(t, c).Err, "SQS answered SignatureDoesNotMatch: check the credentials, and the clock of this machine")
	}
	c.Endpoint = "http://127.0.0.1:1"
	require.ErrorContains(t, ask(t, c).Err, "ask SQS: ")
	require.ErrorContains(t, ask(t, c).Err, "connection refused")
	assert.NotContains(t, ask(t, c).Err.Error(), "operation error")
	assert.Equal(t, "ask SQS: other", awsclient.Failed("SQS", errors.New("other")).Err.Error())
}

// A clock that is wrong is corrected for the attempt that follows.
func TestAWrongClockIsCorrected(t *testing.T) {
	t.Parallel()
	var dates []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		dates = append(dates, r.Header.Get("X-Amz-Date"))
		w.Header().Set("Date", "Sat, 01 Jan 2050 00:00:00 GMT")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"__type": "RequestTimeTooSkewed", "message": "m"}`)
	}))
	t.Cleanup(server.Close)
	c := awsclient.Config{Region: "us-east-1", Endpoint: server.URL, AccessKeyID: "a", SecretAccessKey: "b"}
	found, err := c.Load(t.Context())
	require.NoError(t, err)
	client := sqs.NewFromConfig(found, func(o *sqs.Options) { o.BaseEndpoint = c.Base() })
	for range 2 {
		_, err := client.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String("q")})
		require.Error(t, err)
	}
	assert.NotContains(t, dates[0], "2050")
	assert.Contains(t, dates[1], "20500101T")
}

// endless is a body as the SDK's: its second way of being read fails where the first is at its end.
type endless struct{ *strings.Reader }

func (endless) WriteTo(io.Writer) (int64, error) { return 0, io.EOF }

func (endless) Close() error { return nil }

// A body that was sent is not asked for more, or the connection is closed before the answer is read.
func TestAnAnswerThatComesQuicklyIsRead(t *testing.T) {
	isolated(t, nil)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		_, _ = w.Write(body)
	}))
	t.Cleanup(server.Close)
	found, err := (&awsclient.Config{Region: "us-east-1"}).Load(t.Context())
	require.NoError(t, err)
	const text = "ten bytes."
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, endless{strings.NewReader(text)})
	require.NoError(t, err)
	request.ContentLength = int64(len(text))
	response, err := found.HTTPClient.Do(request)
	require.NoError(t, err)
	defer func() { assert.NoError(t, response.Body.Close()) }()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	assert.Equal(t, text, string(body))
}

// An answer that was cut is no other server's.
func TestAnAnswerThatWasCutIsNamed(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, `{"QueueUrl":`)
	}))
	t.Cleanup(server.Close)
	verdict := ask(t, awsclient.Config{Region: "us-east-1", Endpoint: server.URL, AccessKeyID: "a", SecretAccessKey: "b"})
	assert.Equal(t, batchhttp.Later, verdict.Outcome)
	require.EqualError(t, verdict.Err, "read the answer of SQS: unexpected EOF")
}

// What a server or a proxy asks for is waited for.
func TestADelayThatIsAskedForIsKept(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	t.Cleanup(server.Close)
	verdict := ask(t, awsclient.Config{Region: "us-east-1", Endpoint: server.URL, AccessKeyID: "a", SecretAccessKey: "b"})
	require.ErrorContains(t, verdict.Err, "Throttle (7s), error: SQS answered 429")
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]batchhttp.Outcome{
		"InvalidMessageContents":                         batchhttp.Refused,
		"AWS.SimpleQueueService.BatchRequestTooLong":     batchhttp.TooLarge,
		"com.amazonaws.kinesis#InvalidArgumentException": batchhttp.Unclear,
		"ProvisionedThroughputExceededException":         batchhttp.Later,
		"KMS.DisabledException":                          batchhttp.Later,
		"KmsThrottled":                                   batchhttp.Later,
		"ThrottlingException":                            batchhttp.Later,
		"AccessDeniedException":                          batchhttp.Later,
		"AWS.SimpleQueueService.NonExistentQueue":        batchhttp.Later,
	} {
		assert.Equal(t, want, awsclient.Verdict("s", code, "", true).Outcome, code)
	}
	assert.Equal(t, batchhttp.Unclear, awsclient.Verdict("s", "New", "", true).Outcome)
	assert.Equal(t, batchhttp.Later, awsclient.Verdict("s", "New", "", false).Outcome)
}
