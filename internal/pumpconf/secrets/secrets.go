// Package secrets reads the stores of secrets that a pump.conf may refer to and that are not on
// this machine: HashiCorp's Vault and Consul.
package secrets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"
)

// The types of stores, as a pump.conf names them.
const (
	Vault  = "hashicorp_vault"
	Consul = "hashicorp_consul"
)

// patience is how long one secret may take where the store's settings do not say.
const patience = 5 * time.Second

// Store gives secrets by their paths. Its errors show neither a path nor a secret.
type Store interface {
	Get(ctx context.Context, path string) (string, error)
}

// ErrUnknown is the error for a type of store that is not read here.
var ErrUnknown = errors.New("is not read here")

// errMissing is the error for a secret that is not there.
var errMissing = errors.New("has no such key, so Tyk Pump ends: write it to the store, or correct the reference")

// Open makes the client of a store, from the object config of its settings. Nothing is asked yet.
func Open(kind string, config []byte) (Store, error) {
	switch kind {
	case Vault:
		return openVault(config)
	case Consul:
		return openConsul(config)
	}
	return nil, ErrUnknown
}

// decode reads the settings of a store. Values are not shown: they may be secrets.
func decode(config []byte, into any) error {
	err := json.Unmarshal(config, into)
	var mistyped *json.UnmarshalTypeError
	if errors.As(err, &mistyped) {
		return fmt.Errorf("config.%s is of the wrong type, %s, with which Tyk Pump ends: correct it", mistyped.Field, mistyped.Value)
	}
	if err != nil {
		return errors.New("config cannot be read: write an object")
	}
	return nil
}

// duration reads a time of the settings; empty is zero.
func duration(key, text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("config.%s is no time, with which Tyk Pump ends: write one such as 5s", key)
	}
	return d, nil
}

// unreachable says why a store does not answer, without the URL, which has the path.
func unreachable(err error) error {
	return fmt.Errorf("does not answer (%w): see that config.address is right and reachable", withoutURL(err))
}

// withoutURL is the reason of an error alone. Names of hosts are left out: where an address is
// mistyped, a password is a part of them.
func withoutURL(err error) error {
	var inner *url.Error
	if errors.As(err, &inner) {
		err = inner.Err
	}
	var lookup *net.DNSError
	switch {
	case errors.As(err, &lookup):
		return errors.New("its host or port is not found")
	case inner != nil && inner.Op == "parse":
		return errors.New("its address is no URL")
	}
	return err
}
