package tykresurfaceexporter

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// The sets of rules that can be included, of Resurface's loggers; but that the standard set reaches all parameters, as it
// is meant to.
var ruleSets = map[string]string{
	"debug": "allow_http_url\ncopy_session_field /.*/",
	"standard": "/request_header:cookie|response_header:set-cookie/remove\n" +
		"/(request|response)_body|request_param.*/ replace /[a-zA-Z0-9.!#$%&’*+\\/=?^_`{|}~-]+@[a-zA-Z0-9-]+(?:\\.[a-zA-Z0-9-]+)/, /x@y.com/\n" +
		"/request_body|request_param.*|response_body/ replace /[0-9\\.\\-\\/]{9,}/, /xyxy/",
	"strict":  strictRules,
	"default": strictRules,
}

const strictRules = "/request_url/ replace /([^\\?;]+).*/, /$1/\n" +
	"/request_body|response_body|request_param:.*|request_header:(user-agent).*|response_header:((content-length)|(content-type)).*/ remove"

// The verbs of rules.
const (
	verbAllowHTTP         = "allow_http_url"
	verbCopySession       = "copy_session_field"
	verbRemove            = "remove"
	verbRemoveIf          = "remove_if"
	verbRemoveIfFound     = "remove_if_found"
	verbRemoveUnless      = "remove_unless"
	verbRemoveUnlessFound = "remove_unless_found"
	verbReplace           = "replace"
	verbSample            = "sample"
	verbSkipCompression   = "skip_compression"
	verbSkipSubmission    = "skip_submission"
	verbStop              = "stop"
	verbStopIf            = "stop_if"
	verbStopIfFound       = "stop_if_found"
	verbStopUnless        = "stop_unless"
	verbStopUnlessFound   = "stop_unless_found"
)

// kind is what an expression of a rule is.
type kind uint8

const (
	matching kind = iota // a regular expression of a whole text
	finding              // one of a part of it
	literal              // the text that takes the place of what was found
)

// forms say which expressions stand before a verb and behind it.
var forms = map[string]struct {
	scoped bool
	behind []kind
}{
	verbAllowHTTP: {}, verbSkipCompression: {}, verbSkipSubmission: {}, verbSample: {},
	verbCopySession: {behind: []kind{matching}},
	verbRemove:      {scoped: true}, verbStop: {scoped: true},
	verbRemoveIf: {true, []kind{matching}}, verbRemoveUnless: {true, []kind{matching}},
	verbStopIf: {true, []kind{matching}}, verbStopUnless: {true, []kind{matching}},
	verbRemoveIfFound: {true, []kind{finding}}, verbRemoveUnlessFound: {true, []kind{finding}},
	verbStopIfFound: {true, []kind{finding}}, verbStopUnlessFound: {true, []kind{finding}},
	verbReplace: {true, []kind{finding, literal}},
}

// rule is one line.
type rule struct {
	scope   *regexp.Regexp // of names
	value   *regexp.Regexp
	text    string
	percent uint64
}

// rules are those of a configuration, by their verbs.
type rules map[string][]rule

// parseRules compiles rules. What is wrong is named with its line.
func parseRules(text string) (rules, error) {
	if file, isFile := strings.CutPrefix(strings.TrimSpace(text), "file://"); isFile {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read the file of the rules: %w", err)
		}
		text = string(content)
	}
	if strings.TrimSpace(text) == "" {
		text = strictRules
	}
	all := rules{}
	var errs []error
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if err := all.add(line); err != nil {
			errs = append(errs, fmt.Errorf("line %d, %q: %w", number, line, err))
		}
	}
	switch {
	case len(all[verbSample]) > 1:
		errs = append(errs, errors.New("sample is there more than once: leave one"))
	case len(all[verbSkipSubmission]) > 0:
		errs = append(errs, errors.New("skip_submission would lose all records: leave the exporter out instead"))
	}
	return all, errors.Join(errs...)
}

// add parses one line, or those of the set that it includes.
func (r rules) add(line string) error {
	if name, includes := strings.CutPrefix(line, "include "); includes {
		name, _, _ = strings.Cut(name, "#")
		set, found := ruleSets[strings.TrimSpace(name)]
		if !found {
			return errors.New("there is no such set: use debug, standard, strict or default")
		}
		for rule := range strings.Lines(set) {
			if err := r.add(strings.TrimSpace(rule)); err != nil {
				return err
			}
		}
		return nil
	}
	if line == "" || line[0] == '#' {
		return nil
	}
	verb, parsed, err := parseRule(line)
	if err == nil {
		r[verb] = append(r[verb], parsed)
	}
	return err
}

// parseRule parses a rule.
func parseRule(line string) (verb string, parsed rule, err error) {
	scope, scoped, rest, err := cutExpression(line)
	if err != nil {
		return "", rule{}, err
	}
	verb, rest = cutWord(strings.TrimSpace(rest))
	form, known := forms[verb]
	switch {
	case !known:
		return "", rule{}, fmt.Errorf("there is no verb %q: use allow_http_url, copy_session_field, remove, replace, sample, skip_compression, stop, or one of the others that the README names", verb)
	case form.scoped && !scoped:
		return "", rule{}, fmt.Errorf("%s needs an expression before it, such as /request_body/", verb)
	case !form.scoped && scoped:
		return "", rule{}, fmt.Errorf("%s takes no expression before it", verb)
	}
	if scoped {
		if parsed.scope, err = compile(scope, matching); err != nil {
			return "", rule{}, err
		}
	}
	if verb == verbSample {
		return parsePercent(rest)
	}
	for i, kind := range form.behind {
		rest = strings.TrimSpace(rest)
		if i > 0 {
			var found bool
			if rest, found = strings.CutPrefix(rest, ","); !found {
				return "", rule{}, fmt.Errorf("%s needs a comma and another expression, such as /x/", verb)
			}
		}
		expression, found, after, err := cutExpression(strings.TrimSpace(rest))
		if err == nil && !found {
			err = fmt.Errorf("%s needs an expression behind it, such as /x/", verb)
		}
		if err == nil && kind == literal {
			parsed.text = expression
		} else if err == nil {
			parsed.value, err = compile(expression, kind)
		}
		if err != nil {
			return "", rule{}, err
		}
		rest = after
	}
	return verb, parsed, ended(rest)
}

// parsePercent parses what stands behind sample.
func parsePercent(rest string) (string, rule, error) {
	number, rest := cutWord(strings.TrimSpace(rest))
	percent, err := strconv.ParseUint(number, 10, 8)
	const most = 99
	if err != nil || percent < 1 || percent > most {
		return "", rule{}, errors.New("sample needs a whole number from 1 to 99 behind it")
	}
	return verbSample, rule{percent: percent}, ended(rest)
}

// ended wants nothing, or a comment.
func ended(rest string) error {
	if rest = strings.TrimSpace(rest); rest != "" && rest[0] != '#' {
		return fmt.Errorf("%q is too much: remove it, or make it a comment with #", rest)
	}
	return nil
}

// cutWord parts a word from what is behind it.
func cutWord(text string) (word, rest string) {
	end := strings.IndexFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_'
	})
	if end < 0 {
		end = len(text)
	}
	return text[:end], text[end:]
}

// cutExpression reads an expression between two of one character, which stands for itself in between behind a backslash.
func cutExpression(text string) (expression string, found bool, rest string, err error) {
	const separators = "~!%|/"
	if text == "" || !strings.Contains(separators, text[:1]) {
		return "", false, text, nil
	}
	separator := text[:1]
	for end := 1; end < len(text); end++ {
		if text[end] == separator[0] && text[end-1] != '\\' {
			return strings.ReplaceAll(text[1:end], `\`+separator, separator), true, text[end+1:], nil
		}
	}
	return "", false, "", fmt.Errorf("the expression that begins with %s does not end with it", separator)
}

// compile compiles an expression. One of a whole text is bound to both ends as Resurface's loggers do: of a|b, a is to be
// at the beginning and b at the end.
func compile(expression string, kind kind) (*regexp.Regexp, error) {
	if slices.Contains([]string{"", "*", "+", "?"}, expression) {
		return nil, fmt.Errorf("%q is no regular expression", expression)
	}
	if kind == matching {
		expression = "^" + strings.TrimPrefix(expression, "^")
		expression = strings.TrimSuffix(expression, "$") + "$"
	}
	compiled, err := regexp.Compile(expression)
	if err != nil {
		return nil, fmt.Errorf("compile the regular expression: %w", err)
	}
	return compiled, nil
}

// pair is a detail of a message.
type pair struct{ name, value string }

// apply gives what rules leave of a message, or nothing of one that is not to be sent. identity decides over samples.
func (r rules) apply(message []pair, identity string) []pair {
	if r.stops(message) {
		return nil
	}
	const whole = 100
	if sample := r[verbSample]; len(sample) > 0 && xxhash.Sum64String(identity)%whole >= sample[0].percent {
		return nil
	}
	for _, remove := range []struct {
		verb string
		goes func(rule *rule, value string) bool
	}{
		{verbRemove, func(*rule, string) bool { return true }},
		{verbRemoveUnlessFound, isNot},
		{verbRemoveIfFound, is},
		{verbRemoveUnless, isNot},
		{verbRemoveIf, is},
	} {
		for i := range r[remove.verb] {
			rule := &r[remove.verb][i]
			message = slices.DeleteFunc(message, func(p pair) bool { return rule.scope.MatchString(p.name) && remove.goes(rule, p.value) })
		}
	}
	for i := range r[verbReplace] {
		rule := &r[verbReplace][i]
		for j := range message {
			if rule.scope.MatchString(message[j].name) {
				message[j].value = rule.value.ReplaceAllString(message[j].value, rule.text)
			}
		}
	}
	return slices.DeleteFunc(message, func(p pair) bool { return p.value == "" })
}

func is(rule *rule, value string) bool    { return rule.value.MatchString(value) }
func isNot(rule *rule, value string) bool { return !is(rule, value) }

// stops tells whether a message is not to be sent at all.
func (r rules) stops(message []pair) bool {
	matches := func(rule *rule) bool {
		return slices.ContainsFunc(message, func(p pair) bool {
			return rule.scope.MatchString(p.name) && (rule.value == nil || is(rule, p.value))
		})
	}
	for _, verb := range []string{verbStop, verbStopIfFound, verbStopIf} {
		for i := range r[verb] {
			if matches(&r[verb][i]) {
				return true
			}
		}
	}
	for _, verb := range []string{verbStopUnlessFound, verbStopUnless} {
		for i := range r[verb] {
			if !matches(&r[verb][i]) {
				return true
			}
		}
	}
	return false
}

// has tells whether there is a rule of a verb.
func (r rules) has(verb string) bool { return len(r[verb]) > 0 }
