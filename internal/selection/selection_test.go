package selection

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestFilterPrecedence(t *testing.T) {
	orders := Subject{APIID: "orders", OrgID: "acme", ResponseCode: 200}
	for _, test := range []struct {
		name    string
		cfg     Lists
		subject Subject
		want    Verdict
	}{
		{"no list, all pass", Lists{}, orders, Passes},
		{"no list, a record without ids passes", Lists{}, Subject{}, Passes},
		{"named API passes", Lists{APIIDs: []string{"users", "orders"}}, orders, Passes},
		{"other API is kept back", Lists{APIIDs: []string{"users"}}, orders, KeptByAPIIDs},
		{"named organisation passes", Lists{OrgIDs: []string{"acme"}}, orders, Passes},
		{"other organisation is kept back", Lists{OrgIDs: []string{"globex"}}, orders, KeptByOrgIDs},
		{"named code passes", Lists{ResponseCodes: []int64{200}}, orders, Passes},
		{"other code is kept back", Lists{ResponseCodes: []int64{201}}, orders, KeptByResponseCodes},
		{"allow lists are all to be met", Lists{APIIDs: []string{"orders"}, OrgIDs: []string{"globex"}}, orders, KeptByOrgIDs},
		{"all allow lists met", Lists{APIIDs: []string{"orders"}, OrgIDs: []string{"acme"}, ResponseCodes: []int64{200}}, orders, Passes},
		{"skip list alone lets the others pass", Lists{SkipAPIIDs: []string{"users"}}, orders, Passes},
		{"skipped API", Lists{SkipAPIIDs: []string{"orders"}}, orders, KeptBySkipAPIIDs},
		{"skipped organisation", Lists{SkipOrgIDs: []string{"acme"}}, orders, KeptBySkipOrgIDs},
		{"skipped code", Lists{SkipResponseCodes: []int64{200}}, orders, KeptBySkipResponseCodes},
		{"skip list wins over the allow list of the same", Lists{APIIDs: []string{"orders"}, SkipAPIIDs: []string{"orders"}}, orders, KeptBySkipAPIIDs},
		{"skip list wins over the allow list of another", Lists{APIIDs: []string{"orders"}, SkipResponseCodes: []int64{200}}, orders, KeptBySkipResponseCodes},
		{"network record by its code", Lists{ResponseCodes: []int64{-1}}, Subject{APIID: "tcp", ResponseCode: -1}, Passes},
		{"network record skipped by its code", Lists{SkipResponseCodes: []int64{-1}}, Subject{APIID: "tcp", ResponseCode: -1}, KeptBySkipResponseCodes},
		{"record without a code has code 0", Lists{ResponseCodes: []int64{0}}, Subject{}, Passes},
		{"record without a code is not another", Lists{ResponseCodes: []int64{200}}, Subject{}, KeptByResponseCodes},
		{"record without an organisation has the empty one", Lists{SkipOrgIDs: []string{""}}, Subject{}, KeptBySkipOrgIDs},
		{"record without an organisation is none of a list", Lists{OrgIDs: []string{"acme"}}, Subject{}, KeptByOrgIDs},
		{"ids are compared as they are", Lists{APIIDs: []string{"Orders", " orders", "order"}}, orders, KeptByAPIIDs},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := NewFilter(test.cfg)
			assert.Equal(t, test.want, f.Judge(test.subject))
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
		cfg := &Lists{
			APIIDs: list("apis"), OrgIDs: list("orgs"), ResponseCodes: codeList("codes"),
			SkipAPIIDs: list("skip apis"), SkipOrgIDs: list("skip orgs"), SkipResponseCodes: codeList("skip codes"),
		}
		s := Subject{APIID: ids.Draw(t, "api"), OrgID: ids.Draw(t, "org"), ResponseCode: codes.Draw(t, "code")}

		skipped := among(cfg.SkipAPIIDs, s.APIID) || among(cfg.SkipOrgIDs, s.OrgID) || codeAmong(cfg.SkipResponseCodes, s.ResponseCode)
		allowed := (len(cfg.APIIDs) == 0 || among(cfg.APIIDs, s.APIID)) &&
			(len(cfg.OrgIDs) == 0 || among(cfg.OrgIDs, s.OrgID)) &&
			(len(cfg.ResponseCodes) == 0 || codeAmong(cfg.ResponseCodes, s.ResponseCode))

		f := NewFilter(*cfg)
		assert.Equal(t, allowed && !skipped, f.Judge(s) == Passes)
	})
}

func TestListsThatCannotBeMeant(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		lists Lists
		want  []string
	}{
		{Lists{}, nil},
		{Lists{APIIDs: []string{"a", "b"}, SkipAPIIDs: []string{"b", "c"}, SkipOrgIDs: []string{""}}, nil},
		{Lists{ResponseCodes: []int64{-1, 0, 100, 200, 999}, SkipResponseCodes: []int64{200}}, nil},
		{Lists{APIIDs: []string{"", "a"}, OrgIDs: []string{"a", "b,c"}, SkipAPIIDs: []string{"a,b"}}, nil},
		{Lists{ResponseCodes: []int64{99999, 200}, SkipResponseCodes: []int64{-2, 99}}, nil},
		{Lists{APIIDs: []string{""}}, []string{`api_ids: nothing passes: "" is no id, and may be of a variable that is not set`}},
		{Lists{OrgIDs: []string{"b,c"}}, []string{`org_ids: nothing passes: "b,c" has a comma: write each id as an element of its own`}},
		{
			Lists{
				APIIDs: []string{"a"}, SkipAPIIDs: []string{"a", "b"}, OrgIDs: []string{"o"}, SkipOrgIDs: []string{"o"},
				ResponseCodes: []int64{200, 99}, SkipResponseCodes: []int64{200},
			},
			[]string{
				`api_ids: nothing passes: "a" is in skip_api_ids, too`, `org_ids: nothing passes: "o" is in skip_org_ids, too`,
				"response_codes: nothing passes: 200 is in skip_response_codes, too, 99 is no status code: use 100 to 999",
			},
		},
	} {
		faults := test.lists.Faults()
		require.Len(t, faults, len(test.want), "%v", faults)
		for i, want := range test.want {
			assert.ErrorContains(t, faults[i], want)
		}
	}
}
