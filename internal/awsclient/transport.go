package awsclient

import (
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// plainBodies is a client whose requests' bodies can be read and nothing else. The SDK's own say that they failed where
// they are at their end and an answer comes quickly; the connection is then closed while the answer is read, and
// records that were accepted are sent again.
type plainBodies struct{ next aws.HTTPClient }

// Do sends one request.
func (p plainBodies) Do(request *http.Request) (*http.Response, error) {
	if request.Body != nil && request.Body != http.NoBody {
		request.Body = struct{ io.ReadCloser }{request.Body}
	}
	return p.next.Do(request)
}

// withPlainBodies puts it in front of the client that there is, or the SDK's.
func withPlainBodies(client aws.HTTPClient) aws.HTTPClient {
	if client == nil {
		client = awshttp.NewBuildableClient()
	}
	return plainBodies{client}
}
