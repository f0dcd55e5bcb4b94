package settings

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/secrets"
	"github.com/otelcol-tyk/otelcol-tyk/internal/spelling"
)

// references resolves what values refer to in stores of secrets.
type references struct {
	stores   map[string]*object
	env      *environment
	readFile func(string) ([]byte, error)
	open     func(kind string, config []byte) (secrets.Store, error)
	opened   map[string]secrets.Store // remote ones, by name
	opening  bool                     // a remote one is
}

const wholeReference = "kv://"

// partReference is a reference inside of a value.
var partReference = regexp.MustCompile(`\$kv\{([^:{}]+):([^{}#]*)(?:#([^{}]*))?\}`)

// newReferences takes the stores of the file and of TYK_PMP_KV_STORES, which are merged by name.
func newReferences(kv *object, env *environment, source Source, f *Findings) *references {
	r := &references{stores: map[string]*object{}, env: env, readFile: source.ReadFile, open: source.OpenStore, opened: map[string]secrets.Store{}}
	for _, m := range kv.all() {
		if known := []string{"stores", "cache"}; !slices.ContainsFunc(known, func(key string) bool { return strings.EqualFold(key, m.key) }) {
			f.Warn("kv."+m.key, "is read by nothing%s", meant(spelling.Nearest(strings.ToLower(m.key), known)))
		}
	}
	r.add(kv.field("stores"), "kv.stores", f)
	const variable = "TYK_PMP_KV_STORES"
	if text, ok := env.lookup(variable); ok {
		stores, err := parseFile(variable, []byte(text))
		if err != nil {
			f.Error("kv.stores (set by "+variable+")", "is not a JSON object of stores: write one, as in the file")
			return r
		}
		r.add(stores, "kv.stores (set by "+variable+")", f)
	}
	return r
}

func (r *references) add(value any, place string, f *Findings) {
	stores, ok := value.(*object)
	if !ok {
		if value != nil {
			f.Error(place, "is %s: write an object with a key for each store", kindOf(value))
		}
		return
	}
	for _, m := range stores.members {
		store, ok := m.value.(*object)
		if !ok {
			f.Error(place, "store %q is %s: write an object", m.key, kindOf(m.value))
			continue
		}
		r.stores[m.key] = store
	}
}

// hasReference tells whether a value, or anything in it, refers to a store.
func hasReference(data any) bool {
	found := false
	replaceTexts(data, func(text string) string {
		found = found || strings.HasPrefix(text, wholeReference) || partReference.MatchString(text)
		return text
	})
	return found
}

// replaceTexts gives a value with other texts in it.
func replaceTexts(value any, with func(string) string) any {
	switch v := value.(type) {
	case string:
		return with(v)
	case []string:
		return replacedList(v, with)
	case map[string]string:
		return replacedMap(v, with)
	case []any:
		return replacedList(v, func(inner any) any { return replaceTexts(inner, with) })
	case map[string]any:
		return replacedMap(v, func(inner any) any { return replaceTexts(inner, with) })
	}
	return value
}

func replacedList[T any](list []T, with func(T) T) []T {
	other := make([]T, len(list))
	for i := range list {
		other[i] = with(list[i])
	}
	return other
}

func replacedMap[T any](m map[string]T, with func(T) T) map[string]T {
	other := make(map[string]T, len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		other[key] = with(m[key])
	}
	return other
}

// resolve replaces the references of a group's values.
func (r *references) resolve(g *Group, f *Findings) {
	for _, key := range slices.Sorted(maps.Keys(g.values)) {
		v := g.values[key]
		if !hasReference(v.Data) {
			continue
		}
		var errs []error
		text := func(s string) string {
			resolved, err := r.text(s)
			errs = append(errs, err)
			if hasReference(s) {
				f.Hide(resolved)
				v.Given = append(v.Given, resolved)
			}
			return resolved
		}
		v.Data = replaceTexts(v.Data, text)
		v.Resolved, v.Verbatim = true, false
		if err := errors.Join(errs...); err != nil {
			f.Error(g.Place(key), "%s", strings.ReplaceAll(err.Error(), "\n", "; "))
		}
	}
}

func (r *references) text(s string) (string, error) {
	if rest, ok := strings.CutPrefix(s, wholeReference); ok {
		path, pointer, _ := strings.Cut(rest, "#")
		store, path, _ := strings.Cut(path, "/")
		return r.lookup(store, path, pointer)
	}
	var errs []error
	resolved := partReference.ReplaceAllStringFunc(s, func(match string) string {
		parts := partReference.FindStringSubmatch(match)
		value, err := r.lookup(parts[1], parts[2], parts[3])
		errs = append(errs, err)
		return value
	})
	return resolved, errors.Join(errs...)
}

// known names the stores. References are not shown, since a secret may look like one.
func (r *references) known() string {
	if len(r.stores) == 0 {
		return "none"
	}
	return named(slices.Sorted(maps.Keys(r.stores)))
}

// lookup reads a store. Its errors name the store, never what is there.
func (r *references) lookup(name, path, pointer string) (string, error) {
	store := r.stores[name]
	if store == nil {
		return "", fmt.Errorf("refers to a store that kv.stores does not have (it has %s): Tyk Pump ends with this; define it, or write the value", r.known())
	}
	value, err := r.read(name, store, path)
	if err != nil {
		return "", fmt.Errorf("store %q: %w", name, err)
	}
	if pointer == "" {
		return value, nil
	}
	inner, err := point(value, pointer)
	if err != nil {
		return "", fmt.Errorf("store %q: %w", name, err)
	}
	return inner, nil
}

func (r *references) read(name string, store *object, path string) (string, error) {
	kind, _ := store.field("type").(string)
	config, _ := store.field("config").(*object)
	switch kind {
	case "env":
		prefix, _ := config.field("prefix").(string)
		if bare, _ := config.field("allow_no_prefix").(bool); prefix == "" && !bare {
			return "", errors.New("config.prefix is missing, without which Tyk Pump ends: name the beginning of its variables")
		}
		if upper, _ := config.field("uppercase").(bool); upper {
			path = strings.ToUpper(path)
		}
		text, _ := r.env.lookup(prefix + path)
		return text, nil
	case "inline":
		data, _ := config.field("data").(*object)
		for _, m := range data.all() {
			if text, ok := m.value.(string); ok && m.key == path {
				return text, nil
			}
		}
		return "", errors.New("has no such key, so Tyk Pump ends: add it to config.data")
	case "file":
		base, _ := config.field("base_path").(string)
		if !filepath.IsAbs(base) {
			return "", errors.New("config.base_path is no absolute path: write one such as /run/secrets")
		}
		if !filepath.IsLocal(path) {
			return "", errors.New("the path leaves config.base_path: name a file below it")
		}
		text, err := r.readFile(filepath.Join(base, path))
		if err != nil {
			return "", errors.New("the file below config.base_path cannot be read: see that it is there and readable")
		}
		return strings.TrimRight(string(text), "\r\n"), nil
	}
	return r.remote(name, kind, config, path)
}

func (o *object) all() []member {
	if o == nil {
		return nil
	}
	return o.members
}

// point finds a value inside of a JSON text, by a pointer with or without its first slash.
func point(text, pointer string) (string, error) {
	top, err := parseFile("", []byte(`{"v":`+text+`}`))
	if err != nil {
		return "", errors.New("what the reference names is not JSON, so its pointer finds nothing: leave the pointer out, or store JSON")
	}
	value := top.field("v")
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		part = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		switch v := value.(type) {
		case *object:
			value = nil
			for _, m := range v.members {
				if m.key == part {
					value = m.value
				}
			}
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(v) {
				value = nil
			} else {
				value = v[i]
			}
		default:
			value = nil
		}
	}
	switch v := value.(type) {
	case string:
		return v, nil
	case nil, *object, []any:
		return "", errors.New("the pointer of the reference finds no single value: name a text or a number of the secret, as in #/password")
	default:
		return fmt.Sprint(v), nil
	}
}
