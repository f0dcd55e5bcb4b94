package sqlstore

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/otelcol-tyk/otelcol-tyk/internal/console/query"
)

// keyRefs are the references of keys, which stand for them in URLs.
type keyRefs struct {
	secret []byte

	known *lru.Cache[string, string]
}

// rememberedKeys is how many keys' references are remembered.
const rememberedKeys = 20_000

func newKeyRefs(secret []byte) *keyRefs {
	known, err := lru.New[string, string](rememberedKeys)
	if err != nil {
		panic(err) // only a size that is not positive is refused
	}
	return &keyRefs{secret: secret, known: known}
}

// ref is a key's reference.
func (k *keyRefs) ref(key string) string {
	mac := hmac.New(sha256.New, k.secret)
	mac.Write([]byte(key))
	return hex.EncodeToString(mac.Sum(nil))[:query.HashLength]
}

// KeyRef is the reference that stands for a key in URLs.
func (s *Store) KeyRef(key string) string {
	ref := s.keys.ref(key)
	s.keys.known.Add(ref, key)
	return ref
}

// FindKey gives the key of a reference: one that was given out, or one of those that the store has.
func (s *Store) FindKey(ctx context.Context, ref string) (string, error) {
	gone := &query.Error{Code: query.Gone, Text: "no key has this reference", Remedy: "look for the key in the list of keys: links to keys end when the store's password changes"}
	if key, ok := s.keys.known.Get(ref); ok {
		return key, nil
	}
	if decoded, err := hex.DecodeString(ref); err != nil || 2*len(decoded) != query.HashLength {
		return "", gone
	}
	k, err := s.know(ctx)
	if err != nil {
		return "", err
	}
	all, err := cached(ctx, s.cache, "keys", func(ctx context.Context) (answered[map[string]string], error) {
		found := map[string]string{}
		err := s.read(ctx, func(q *session) error { return s.allKeys(ctx, q, k, found) })
		const key = 120
		return answered[map[string]string]{found, int64(len(found)) * key, time.Minute}, err
	})
	if err != nil {
		return "", err
	}
	if key, ok := all[ref]; ok {
		return key, nil
	}
	return "", gone
}

// allKeys finds the keys that rollups, or the newest records, have.
func (s *Store) allKeys(ctx context.Context, q *session, k *known, to map[string]string) error {
	take := func(rows *sql.Rows) error {
		var key string
		err := rows.Scan(text{&key})
		to[s.keys.ref(key)] = key
		return err
	}
	for _, f := range k.families {
		st := newStatement(fmt.Sprintf("select distinct %s from %s where dimension = 'apikeys' and %s >= ? limit %d",
			s.dialect.exact("dimension_value"), s.dialect.quote(f.table), s.column("timestamp"), mostValues), s.now().Add(-recently).Unix())
		if err := q.rows(ctx, st, take); err != nil {
			return err
		}
	}
	if len(k.families) > 0 || !k.Records {
		return nil
	}
	if k.tables[relation(s.config.Tables.Requests, k.days[0])].leads("apikey") {
		const most = 2000
		keys, err := k.skip(ctx, q, "apikey", most)
		for _, key := range keys {
			to[s.keys.ref(key)] = key
		}
		return err
	}
	if k.small {
		st := newStatement(fmt.Sprintf("select distinct apikey from %s limit %d", s.dialect.quote(relation(s.config.Tables.Requests, k.days[0])), mostValues))
		return q.rows(ctx, st, take)
	}
	return nil
}
