package awsclient

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/otelcol-tyk/otelcol-tyk/internal/batchhttp"
)

// outcomes are those of codes, without their packages and the word Exception. What is not known waits: nothing is
// given up that can heal.
var outcomes = map[string]batchhttp.Outcome{
	"BatchRequestTooLong":         batchhttp.TooLarge,
	"InvalidMessageContents":      batchhttp.Refused,
	"InvalidArgument":             batchhttp.Unclear,
	"InvalidAttributeName":        batchhttp.Unclear,
	"InvalidAttributeValue":       batchhttp.Unclear,
	"InvalidParameterCombination": batchhttp.Unclear,
	"InvalidParameterValue":       batchhttp.Unclear,
	"MissingParameter":            batchhttp.Unclear,
	"Serialization":               batchhttp.Unclear,
	"UnsupportedOperation":        batchhttp.Unclear,
	"Validation":                  batchhttp.Unclear,
}

// What people can do about codes.
const (
	rightsRemedy     = "allow the call to the user or role whose credentials these are, at the destination and at its key"
	identityRemedy   = "check the credentials, and the clock of this machine"
	resourceRemedy   = "does it exist in this region and account?"
	encryptionRemedy = "look at the key that encrypts the destination"
)

var remedies = map[string]string{
	"AccessDenied": rightsRemedy, "InvalidSecurity": rightsRemedy, "KmsAccessDenied": rightsRemedy, "KMSAccessDenied": rightsRemedy,
	"ExpiredToken": identityRemedy, "IncompleteSignature": identityRemedy, "InvalidClientTokenId": identityRemedy, "InvalidSignature": identityRemedy,
	"MissingAuthenticationToken": identityRemedy, "RequestExpired": identityRemedy, "RequestTimeTooSkewed": identityRemedy, "SignatureDoesNotMatch": identityRemedy, "UnrecognizedClient": identityRemedy,
	"NonExistentQueue": resourceRemedy, "QueueDoesNotExist": resourceRemedy, "ResourceNotFound": resourceRemedy,
}

// telling are codes whose messages repeat what was signed, with the session's token.
var telling = map[string]bool{"IncompleteSignature": true, "InvalidSignature": true, "SignatureDoesNotMatch": true}

// plainCode is a code without what differs between protocols.
func plainCode(code string) string {
	code = strings.Replace(code, "KMS.", "KMS", 1)
	return strings.TrimSuffix(code[strings.LastIndexAny(code, ".#")+1:], "Exception")
}

// Verdict reads what a service says of one record. Where it blames the sender for a reason that is not known, the
// record may be at fault.
func Verdict(service, code, message string, sender bool) batchhttp.Verdict {
	plain := plainCode(code)
	outcome, known := outcomes[plain]
	if !known && sender && remedyOf(plain) == "" && !isLimit(plain) {
		outcome = batchhttp.Unclear
	}
	return batchhttp.Verdict{Outcome: outcome, Err: said(service, plain, message)}
}

// isLimit tells of a code that waiting helps against.
func isLimit(plain string) bool {
	return strings.Contains(plain, "Throttl") || strings.Contains(plain, "Limit") || strings.Contains(plain, "Exceeded")
}

// remedyOf is what people can do about a code, empty where waiting helps or nothing is known.
func remedyOf(plain string) string {
	if remedy := remedies[plain]; remedy != "" || !strings.HasPrefix(strings.ToUpper(plain), "KMS") {
		return remedy
	}
	return encryptionRemedy
}

// said is a code as people read it.
func said(service, plain, message string) error {
	text := service + " answered " + plain
	if message != "" && !telling[plain] {
		text += ": " + batchhttp.Shortened(message)
	}
	if remedy := remedyOf(plain); remedy != "" {
		text += ": " + remedy
	}
	return errors.New(text)
}

// Failed reads an error of a call, which is about all of its records. It leaves out what differs each time, such as a
// request's id, so that equal failures read alike.
func Failed(service string, err error) batchhttp.Verdict {
	status, header := 0, http.Header{}
	if response, ok := errors.AsType[*smithyhttp.ResponseError](err); ok && response.Response != nil && response.Response.Response != nil {
		status, header = response.HTTPStatusCode(), response.Response.Header
	}
	verdict := failed(service, status, err)
	verdict.Err = batchhttp.Throttled(verdict.Err, header)
	return verdict
}

func failed(service string, status int, err error) batchhttp.Verdict {
	if status == http.StatusRequestEntityTooLarge {
		return batchhttp.Verdict{Outcome: batchhttp.TooLarge, Err: fmt.Errorf("%s answered 413 Request Entity Too Large", service)}
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() != "UnknownError" {
		if other := credentialsService(err); other != "" { // the records were not sent
			return batchhttp.Verdict{Err: Verdict(other, api.ErrorCode(), api.ErrorMessage(), false).Err}
		}
		return Verdict(service, api.ErrorCode(), api.ErrorMessage(), false)
	}
	if read := cut(err); status != 0 && read != nil {
		return batchhttp.Verdict{Err: fmt.Errorf("read the answer of %s: %w", service, read)}
	}
	if status != 0 {
		return batchhttp.Verdict{Err: fmt.Errorf("%s answered %d %s, without a code of Amazon's: is endpoint another server's, or a proxy's page?",
			service, status, http.StatusText(status))}
	}
	return batchhttp.Verdict{Err: fmt.Errorf("ask %s: %w", service, cause(err))}
}

// cut is why an answer was not read to its end, or nil.
func cut(err error) error {
	if network, ok := errors.AsType[net.Error](err); ok {
		return network
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// credentialsService is the service that was asked for credentials, where that failed.
func credentialsService(err error) string {
	outer, ok := errors.AsType[*smithy.OperationError](err)
	if !ok {
		return ""
	}
	inner, ok := errors.AsType[*smithy.OperationError](outer.Err)
	if !ok {
		return ""
	}
	return inner.ServiceID
}

// cause is an error without what the SDK says around it.
func cause(err error) error {
	if send, ok := errors.AsType[*smithyhttp.RequestSendError](err); ok {
		return send.Err
	}
	if response, ok := errors.AsType[*smithyhttp.ResponseError](err); ok && response.Err != nil {
		return response.Err
	}
	if operation, ok := errors.AsType[*smithy.OperationError](err); ok && operation.Err != nil {
		return operation.Err
	}
	return err
}

// NoResult is the verdict on a record that the service has said nothing of.
func NoResult(service string) batchhttp.Verdict {
	return batchhttp.Verdict{Err: fmt.Errorf("%s answered without a result for each record: is endpoint another server's?", service)}
}
