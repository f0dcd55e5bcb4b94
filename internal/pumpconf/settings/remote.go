package settings

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/otelcol-tyk/otelcol-tyk/internal/pumpconf/secrets"
)

// remote reads a store that is not on this machine.
func (r *references) remote(name, kind string, config *object, path string) (string, error) {
	if r.opening {
		return "", errors.New("is not on this machine, and the settings of such a store may refer to stores of the types env, inline and file only: use one of these")
	}
	store, ok := r.opened[name]
	if !ok {
		opened, err := r.openRemote(kind, config)
		if err != nil {
			return "", err
		}
		store = opened
		r.opened[name] = store
	}
	return store.Get(context.Background(), path)
}

// openRemote makes a store's client, whose settings may refer to stores of this machine.
func (r *references) openRemote(kind string, config *object) (secrets.Store, error) {
	r.opening = true
	settings, err := r.within(plain(config))
	r.opening = false
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	text, err := json.Marshal(settings)
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	open := r.open
	if open == nil {
		open = func(string, []byte) (secrets.Store, error) { return nil, secrets.ErrUnknown }
	}
	store, err := open(kind, text)
	if errors.Is(err, secrets.ErrUnknown) {
		return nil, errors.New("its type is none of env, inline, file, hashicorp_vault and hashicorp_consul, which are read here: let what your platform has write the secret to a file, or use a variable")
	}
	return store, err
}

// within replaces the references in a value and all that is in it.
func (r *references) within(value any) (any, error) {
	var errs []error
	resolved := replaceTexts(value, func(text string) string {
		given, err := r.text(text)
		errs = append(errs, err)
		return given
	})
	return resolved, errors.Join(errs...)
}
