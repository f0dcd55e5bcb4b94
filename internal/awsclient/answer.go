package awsclient

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/otelcol-tyk/otelcol-tyk/internal/batchhttp"
)

// Outcome is what an answer means for a record, or for all of a request.
type Outcome uint8

// Outcomes.
const (
	// Accepted: the service has it.
	Accepted Outcome = iota
	// Later: the same may be taken later, or once somebody has made something right.
	Later
	// TooLarge: fewer records may be taken.
	TooLarge
	// Invalid: it will never be taken.
	Invalid
	// Unclear: one record may be at fault, or everything that is sent is.
	Unclear
)

// Answer is what a service said of a record.
type Answer struct {
	// Outcome is what it means.
	Outcome Outcome
	// Code is the service's, and Text what people read; both are empty where the record was accepted.
	Code string
	Text string
}

// outcomes are those of codes, without their packages and the word Exception. What is not known waits: nothing is
// given up that can heal.
var outcomes = map[string]Outcome{
	"BatchRequestTooLong":         TooLarge,
	"RequestEntityTooLarge":       TooLarge,
	"InvalidMessageContents":      Invalid,
	"InvalidArgument":             Unclear,
	"InvalidAttributeName":        Unclear,
	"InvalidAttributeValue":       Unclear,
	"InvalidParameterCombination": Unclear,
	"InvalidParameterValue":       Unclear,
	"MissingParameter":            Unclear,
	"Serialization":               Unclear,
	"UnsupportedOperation":        Unclear,
	"Validation":                  Unclear,
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
	"MissingAuthenticationToken": identityRemedy, "RequestExpired": identityRemedy, "SignatureDoesNotMatch": identityRemedy, "UnrecognizedClient": identityRemedy,
	"NonExistentQueue": resourceRemedy, "QueueDoesNotExist": resourceRemedy, "ResourceNotFound": resourceRemedy,
}

// telling are codes whose messages repeat what was signed, with the session's token.
var telling = map[string]bool{"IncompleteSignature": true, "InvalidSignature": true, "SignatureDoesNotMatch": true}

// plainCode is a code without what differs between protocols.
func plainCode(code string) string {
	return strings.TrimSuffix(code[strings.LastIndexAny(code, ".#")+1:], "Exception")
}

// AnswerOf reads what a service says of one record. Where it blames the sender for a reason that is not known, the
// record may be at fault.
func AnswerOf(service, code, message string, sender bool) Answer {
	plain := plainCode(code)
	outcome, known := outcomes[plain]
	if !known {
		outcome = Later
		if _, curable := remedies[plain]; sender && !curable && !strings.Contains(plain, "Thrott") && !strings.HasPrefix(strings.ToUpper(plain), "KMS") {
			outcome = Unclear
		}
	}
	return Answer{Outcome: outcome, Code: plain, Text: textOf(service, plain, message)}
}

// textOf is what people read of a code.
func textOf(service, plain, message string) string {
	remedy := remedies[plain]
	if remedy == "" && strings.HasPrefix(strings.ToUpper(plain), "KMS") {
		remedy = encryptionRemedy
	}
	text := service + " answered " + plain
	if message != "" && !telling[plain] {
		text += ": " + batchhttp.Shortened(message)
	}
	if remedy != "" {
		text += ": " + remedy
	}
	return text
}

// AnswerOfError reads an error of a call. It leaves out what differs each time, such as a request's id, so that equal
// failures read alike.
func AnswerOfError(service string, err error) Answer {
	status := 0
	if response, ok := errors.AsType[*smithyhttp.ResponseError](err); ok && response.Response != nil && response.Response.Response != nil {
		status = response.HTTPStatusCode()
	}
	if status == http.StatusRequestEntityTooLarge {
		return Answer{Outcome: TooLarge, Code: "RequestEntityTooLarge", Text: service + " answered 413 Request Entity Too Large"}
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() != "UnknownError" {
		if other := credentialsService(err); other != "" {
			a := AnswerOf(other, api.ErrorCode(), api.ErrorMessage(), false)
			a.Outcome = Later // the records were not sent
			return a
		}
		return AnswerOf(service, api.ErrorCode(), api.ErrorMessage(), false)
	}
	if status != 0 {
		return Answer{Outcome: Later, Code: http.StatusText(status), Text: fmt.Sprintf(
			"%s answered %d %s, without a code of Amazon's: is endpoint another server's, or a proxy's page?", service, status, http.StatusText(status))}
	}
	return Answer{Outcome: Later, Code: "unanswered", Text: "ask " + service + ": " + cause(err).Error()}
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

// NoResult is the answer of a record that the service has said nothing of.
func NoResult(service string) Answer {
	return Answer{Outcome: Later, Code: "no result", Text: service + " answered without a result for each record: is endpoint another server's?"}
}
