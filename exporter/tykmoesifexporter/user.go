package tykmoesifexporter

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/analytics"
)

// redacted is what tykfilter puts in the place of credentials.
const redacted = "REDACTED"

// identity finds out whose request a record is of.
type identity struct {
	userHeader, companyHeader string // in lower case
	authorization             string
	claim                     string
}

func newIdentity(config *Config) identity {
	return identity{
		userHeader: strings.ToLower(config.UserIDHeader), companyHeader: strings.ToLower(config.CompanyIDHeader),
		authorization: strings.ToLower(config.AuthorizationHeaderName), claim: config.AuthorizationUserIDField,
	}
}

// user is the user's id, or empty.
func (i identity) user(r *analytics.Record, request, response headers) string {
	switch user := either(request, response, i.userHeader); {
	case user != "":
		return user
	case r.Alias != "":
		return r.Alias
	case r.OauthID != "":
		return r.OauthID
	}
	return userOf(telling(request[i.authorization]), i.claim)
}

// company is the company's id, or empty.
func (i identity) company(request, response headers) string {
	return either(request, response, i.companyHeader)
}

// either is the value of a header of the response, else of the request.
func either(request, response headers, name string) string {
	if name == "" {
		return ""
	}
	if value := telling(response[name]); value != "" {
		return value
	}
	return telling(request[name])
}

// telling is a value that was not replaced.
func telling(value string) string {
	if value == redacted || value == masked {
		return ""
	}
	return value
}

// userOf reads credentials: the name of the scheme Basic, else a claim of a token.
func userOf(credentials, claim string) string {
	scheme, rest, found := strings.Cut(strings.TrimSpace(credentials), " ")
	rest = strings.TrimSpace(rest)
	switch {
	case found && strings.EqualFold(scheme, "Basic"):
		return basicUser(rest)
	case found && strings.EqualFold(scheme, "Bearer"):
		if strings.Contains(rest, ".") {
			return claimOf(rest, claim)
		}
		return ""
	}
	return claimOf(strings.TrimSpace(credentials), claim)
}

// basicUser is the name in credentials of the scheme Basic.
func basicUser(credentials string) string {
	content, err := base64.StdEncoding.DecodeString(credentials)
	if err != nil {
		return ""
	}
	user, _, _ := strings.Cut(string(content), ":")
	return user
}

// claimOf is a claim of a token, whose second part has them, or which is nothing but them.
func claimOf(token, claim string) string {
	if parts := strings.Split(token, "."); len(parts) > 1 {
		token = parts[1]
	}
	content, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(token, "="))
	if err != nil {
		return ""
	}
	var claims map[string]json.RawMessage
	if json.Unmarshal(content, &claims) != nil {
		return ""
	}
	value, found := claims[claim]
	for name, other := range claims {
		if !found && strings.EqualFold(name, claim) {
			value = other
		}
	}
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	var number json.Number
	if json.Unmarshal(value, &number) == nil {
		return number.String()
	}
	return ""
}
