package tykfilterprocessor

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

func TestFilterPrecedence(t *testing.T) {
	orders := subject{apiID: "orders", orgID: "acme", responseCode: 200}
	for _, test := range []struct {
		name    string
		cfg     Config
		subject subject
		want    verdict
	}{
		{"no list, all pass", Config{}, orders, passes},
		{"no list, a record without ids passes", Config{}, subject{}, passes},
		{"named API passes", Config{APIIDs: []string{"users", "orders"}}, orders, passes},
		{"other API is kept back", Config{APIIDs: []string{"users"}}, orders, keptByAPIIDs},
		{"named organisation passes", Config{OrgIDs: []string{"acme"}}, orders, passes},
		{"other organisation is kept back", Config{OrgIDs: []string{"globex"}}, orders, keptByOrgIDs},
		{"named code passes", Config{ResponseCodes: []int64{200}}, orders, passes},
		{"other code is kept back", Config{ResponseCodes: []int64{201}}, orders, keptByResponseCodes},
		{"allow lists are all to be met", Config{APIIDs: []string{"orders"}, OrgIDs: []string{"globex"}}, orders, keptByOrgIDs},
		{"all allow lists met", Config{APIIDs: []string{"orders"}, OrgIDs: []string{"acme"}, ResponseCodes: []int64{200}}, orders, passes},
		{"skip list alone lets the others pass", Config{SkipAPIIDs: []string{"users"}}, orders, passes},
		{"skipped API", Config{SkipAPIIDs: []string{"orders"}}, orders, keptBySkipAPIIDs},
		{"skipped organisation", Config{SkipOrgIDs: []string{"acme"}}, orders, keptBySkipOrgIDs},
		{"skipped code", Config{SkipResponseCodes: []int64{200}}, orders, keptBySkipResponseCodes},
		{"skip list wins over the allow list of the same", Config{APIIDs: []string{"orders"}, SkipAPIIDs: []string{"orders"}}, orders, keptBySkipAPIIDs},
		{"skip list wins over the allow list of another", Config{APIIDs: []string{"orders"}, SkipResponseCodes: []int64{200}}, orders, keptBySkipResponseCodes},
		{"network record by its code", Config{ResponseCodes: []int64{-1}}, subject{apiID: "tcp", responseCode: -1}, passes},
		{"network record skipped by its code", Config{SkipResponseCodes: []int64{-1}}, subject{apiID: "tcp", responseCode: -1}, keptBySkipResponseCodes},
		{"record without a code has code 0", Config{ResponseCodes: []int64{0}}, subject{}, passes},
		{"record without a code is not another", Config{ResponseCodes: []int64{200}}, subject{}, keptByResponseCodes},
		{"record without an organisation has the empty one", Config{SkipOrgIDs: []string{""}}, subject{}, keptBySkipOrgIDs},
		{"record without an organisation is none of a list", Config{OrgIDs: []string{"acme"}}, subject{}, keptByOrgIDs},
		{"ids are compared as they are", Config{APIIDs: []string{"Orders", " orders", "order"}}, orders, keptByAPIIDs},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFilter(&test.cfg)
			assert.Equal(t, test.want, f.judge(test.subject))
		})
	}
}

// TestFilterPassesWhatTheContractSays compares with the contract's sentences,
// list by list.
func TestFilterPassesWhatTheContractSays(t *testing.T) {
	among := func(values []string, v string) (found bool) {
		for _, each := range values {
			found = found || each == v
		}
		return found
	}
	codeAmong := func(values []int64, v int64) (found bool) {
		for _, each := range values {
			found = found || each == v
		}
		return found
	}
	ids := rapid.SampledFrom([]string{"", "a", "b", "c"})
	codes := rapid.SampledFrom([]int64{-1, 0, 200, 404})
	rapid.Check(t, func(t *rapid.T) {
		list := func(name string) []string { return rapid.SliceOfN(ids, 0, 2).Draw(t, name) }
		codeList := func(name string) []int64 { return rapid.SliceOfN(codes, 0, 2).Draw(t, name) }
		cfg := &Config{
			APIIDs: list("apis"), OrgIDs: list("orgs"), ResponseCodes: codeList("codes"),
			SkipAPIIDs: list("skip apis"), SkipOrgIDs: list("skip orgs"), SkipResponseCodes: codeList("skip codes"),
		}
		s := subject{apiID: ids.Draw(t, "api"), orgID: ids.Draw(t, "org"), responseCode: codes.Draw(t, "code")}

		skipped := among(cfg.SkipAPIIDs, s.apiID) || among(cfg.SkipOrgIDs, s.orgID) || codeAmong(cfg.SkipResponseCodes, s.responseCode)
		allowed := (len(cfg.APIIDs) == 0 || among(cfg.APIIDs, s.apiID)) &&
			(len(cfg.OrgIDs) == 0 || among(cfg.OrgIDs, s.orgID)) &&
			(len(cfg.ResponseCodes) == 0 || codeAmong(cfg.ResponseCodes, s.responseCode))

		f := newFilter(cfg)
		assert.Equal(t, allowed && !skipped, f.judge(s) == passes)
	})
}
