package tykopensearchexporter

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-tyk/otelcol-tyk/internal/batchhttp"
)

// TestAnswersToADocument has items of answers of Elasticsearch 5 to 8 and of OpenSearch 2.
func TestAnswersToADocument(t *testing.T) {
	t.Parallel()
	for text, c := range map[string]struct {
		outcome batchhttp.Outcome
		says    string
	}{
		`{"status":201}`: {batchhttp.Accepted, ""},
		`{"status":200}`: {batchhttp.Accepted, ""},
		`{"status":409,"error":{"type":"version_conflict_engine_exception","reason":"[seg-1]: version conflict, document already exists (current version [1])"}}`: {batchhttp.Accepted, ""},
		`{"status":400,"error":{"type":"mapper_parsing_exception","reason":"failed to parse field [response_code] of type [long] in document with id 'seg-1'",` +
			`"caused_by":{"type":"illegal_argument_exception","reason":"For input string: \"x\""}}}`: {batchhttp.Refused, `failed to parse field [response_code] of type [long] in document with id 'seg-1': illegal_argument_exception: For input string: "x"`},
		`{"status":400,"error":{"type":"document_parsing_exception","reason":"[1:20] failed to parse date field"}}`:                                          {batchhttp.Refused, "failed to parse date field"},
		`{"status":400,"error":{"type":"illegal_argument_exception","reason":"Document contains at least one immense term in field=\"alias\""}}`:             {batchhttp.Refused, "immense term"},
		`{"status":400,"error":{"type":"illegal_argument_exception","reason":"mapper [tags] cannot be changed from type [text] to [long]"}}`:                 {batchhttp.Refused, "cannot be changed"},
		`{"status":400,"error":{"type":"strict_dynamic_mapping_exception","reason":"mapping set to strict, dynamic introduction of [alias] within [_doc]"}}`: {batchhttp.Refused, "strict"},
		`{"status":400}`: {batchhttp.Refused, "answered 400"},
		`{"status":400,"error":{"type":"validation_exception","reason":"Validation Failed: 1: this action would add [2] total shards, but this cluster currently has [1000]/[1000] maximum shards open;"}}`: {batchhttp.Later, "mend the index"},
		`{"status":400,"error":{"type":"illegal_argument_exception","reason":"pipeline with id [geo] does not exist"}}`:                                                                                     {batchhttp.Later, "mend the index"},
		`{"status":400,"error":{"type":"illegal_argument_exception","reason":"Limit of total fields [10] has been exceeded"}}`:                                                                              {batchhttp.Later, "mend the index"},
		`{"status":400,"error":{"type":"illegal_argument_exception","reason":"Rejecting mapping update to [i] as the final mapping would have more than 1 type: [_doc, doc]"}}`:                             {batchhttp.Later, "document_type"},
		`{"status":400,"error":{"type":"index_closed_exception","reason":"closed"}}`:                                                                                                                        {batchhttp.Later, "mend the index"},
		`{"status":401,"error":{"type":"security_exception","reason":"x"}}`:                                                                                                                                 {batchhttp.Later, "give the user the right"},
		`{"status":403,"error":{"type":"security_exception","reason":"action [indices:data/write/bulk[s]] is unauthorized for user [tyk]"}}`:                                                                {batchhttp.Later, "give the user the right"},
		`{"status":403,"error":{"type":"cluster_block_exception","reason":"index [i] blocked by: [FORBIDDEN/12/index read-only / allow delete (api)];"}}`:                                                   {batchhttp.Later, "lift the block of the index"},
		`{"status":404,"error":{"type":"index_not_found_exception","reason":"no such index [i]"}}`:                                                                                                          {batchhttp.Later, "create the index"},
		`{"status":413,"error":{"type":"x","reason":"y"}}`:                                                                                                                                                  {batchhttp.TooLarge, "413"},
		`{"status":429,"error":{"type":"es_rejected_execution_exception","reason":"rejected execution of TransportService$7@6cba5c1a"}}`:                                                                    {batchhttp.Later, `"i": es_rejected_execution_exception`},
		`{"status":500,"error":{"type":"i_o_exception","reason":"x"}}`:                                                                                                                                      {batchhttp.Later, "500"},
		`{"status":503,"error":{"type":"unavailable_shards_exception","reason":"[i][0] primary shard is not active Timeout: [1m]"}}`:                                                                        {batchhttp.Later, "503"},
		`{"status":0}`: {batchhttp.Later, "answered 0"},
	} {
		var item itemAnswer
		require.NoError(t, json.Unmarshal([]byte(text), &item))
		verdict := item.verdict("i")
		assert.Equal(t, c.outcome, verdict.Outcome, text)
		if c.says == "" {
			require.NoError(t, verdict.Err)
			continue
		}
		assert.ErrorContains(t, verdict.Err, c.says)
	}
}

func TestAnswersToARequest(t *testing.T) {
	t.Parallel()
	items := make([]batchhttp.Item, 2)
	for _, c := range []struct {
		code    int
		body    string
		outcome batchhttp.Outcome
		says    string
	}{
		{200, `{"errors":false,"items":[{"create":{"status":201}}]}`, batchhttp.Later, notBulk},
		{200, "<html>", batchhttp.Later, notBulk},
		{201, "", batchhttp.Later, notBulk},
		{400, "no good", batchhttp.Unclear, "no good"},
		{400, "Action/metadata line [1] contains an unknown parameter [_type]", batchhttp.Later, "leave document_type out"},
		{401, "", batchhttp.Later, "check username and password"},
		{403, "", batchhttp.Later, "give the user the right"},
		{404, "", batchhttp.Later, notBulk},
		{405, "", batchhttp.Later, notBulk},
		{413, "", batchhttp.TooLarge, "413"},
		{429, "", batchhttp.Later, "429"},
		{500, "", batchhttp.Later, "500"},
		{503, "", batchhttp.Later, "503"},
	} {
		got := verdicts(&batchhttp.Answer{Code: c.code, Body: []byte(c.body)}, items)
		require.Len(t, got, 1)
		assert.Equal(t, c.outcome, got[0].Outcome, c.code)
		assert.ErrorContains(t, got[0].Err, c.says)
	}
}

// FuzzAnswers: whatever a server says, each document has an outcome, and a reason unless it is stored.
func FuzzAnswers(f *testing.F) {
	f.Add(200, `{"errors":true,"items":[{"create":{"status":201}},{"create":{"status":400,"error":{"type":"a","reason":"b","caused_by":{"type":"c"}}}}]}`)
	f.Add(200, `{"items":[{"index":{"status":200}},{"create":null}]}`)
	f.Add(400, `{"error":"_type"}`)
	f.Fuzz(func(t *testing.T, code int, body string) {
		items := make([]batchhttp.Item, 2)
		all := verdicts(&batchhttp.Answer{Code: code, Body: []byte(body)}, items)
		require.Contains(t, []int{1, 2}, len(all))
		for _, v := range all {
			assert.Equal(t, v.Outcome == batchhttp.Accepted, v.Err == nil)
			if code != 200 {
				assert.NotEqual(t, batchhttp.Accepted, v.Outcome)
			}
		}
	})
}
