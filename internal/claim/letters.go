package claim

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

const (
	// letterPage is how many letters are looked for at once.
	letterPage = 500
	// letterBytes is about how much of them is in memory at once.
	letterBytes = 4 << 20
	// keepPage and keepBytes bound what one call keeps.
	keepPage, keepBytes = 50, 1 << 20
)

// errEnough ends a walk over letters early.
var errEnough = errors.New("enough letters")

// ErrDeadLettersFull says that a source has as many dead letters as it may, and the
// oldest are of the same cause: dropping one for another would help nobody.
var ErrDeadLettersFull = errors.New("no room for dead letters: look at them with tykctl dead list, then replay or drop them")

// KeepDeadLetters keeps letters of a source, of the group of its settings. It returns
// how many were not there before, and how many of other causes were dropped to make
// room. With ErrDeadLettersFull, or another error, some may be kept; again is harmless.
func (s *Store) KeepDeadLetters(ctx context.Context, src *Source, letters []Letter) (kept, dropped int64, err error) {
	fail := func(err error) (int64, int64, error) {
		return kept, dropped, fmt.Errorf("keep dead letters of %s: %w", src.key, err)
	}
	for len(letters) > 0 {
		args := []any{src.settings.MaxDead, src.settings.MaxDeadBytes}
		n, bytes := 0, 0
		for n < len(letters) && n < keepPage && (n == 0 || bytes < keepBytes) {
			body, err := letters[n].encode(src.settings.MaxDeadBytes)
			if err != nil {
				return fail(err)
			}
			args = append(args, letters[n].UID, letters[n].cause(), body)
			bytes += len(body)
			n++
		}
		reply, err := s.numbers(ctx, src.callFor(letters[0].Group, keepScript, args...), 3)
		if err != nil {
			return fail(err)
		}
		kept, dropped = kept+reply[0], dropped+reply[1]
		if reply[2] == 1 {
			return fail(ErrDeadLettersFull)
		}
		letters = letters[n:]
	}
	return kept, dropped, nil
}

// Letters calls visit with each dead letter of a source that was there when it
// began, oldest first, until it returns false.
func (s *Store) Letters(ctx context.Context, src *Source, visit func(Letter) bool) error {
	err := s.LetterPages(ctx, src, nil, func(page []Letter) error {
		for _, l := range page {
			if l.Fault != nil {
				return l.Fault
			}
			if !visit(l) {
				return errEnough
			}
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// LetterPages calls visit with the dead letters of a source that were there when
// it began, oldest first and each once, a few MiB at a time; visit may take them
// away meanwhile, and so may others. Only letters that pick wants are read; nil
// wants all. It returns the first error that visit does.
func (s *Store) LetterPages(ctx context.Context, src *Source, pick func(group, uid string) bool, visit func(page []Letter) error) error {
	w := letterWalk{store: s, src: src, seen: map[string]bool{}}
	_, err := s.RestoreLetters(ctx, src)
	if err == nil {
		err = w.begin(ctx)
	}
	if err != nil {
		return fmt.Errorf("list dead letters of %s: %w", src.key, err)
	}
	for {
		fields, err := w.next(ctx)
		if err != nil {
			return fmt.Errorf("list dead letters of %s: %w", src.key, err)
		}
		if len(fields) == 0 {
			return nil
		}
		if err := s.readLetters(ctx, src, wanted(fields, pick), visit); err != nil {
			return err
		}
	}
}

// RestoreLetters finds the dead letters again of which Redis has lost the order, the causes or
// the size, and returns how many had no place in the order.
func (s *Store) RestoreLetters(ctx context.Context, src *Source) (found int64, err error) {
	pipe, err := s.readPipeline(ctx, src.key)
	if err != nil {
		return 0, err
	}
	dead, order := pipe.HLen(ctx, src.keys.dead), pipe.ZCard(ctx, src.keys.deadOrder)
	causes, size := pipe.HLen(ctx, src.keys.deadCause), pipe.Exists(ctx, src.keys.deadBytes)
	if _, err := pipe.Exec(ctx); err != nil {
		return 0, err
	}
	if n := dead.Val(); n == 0 || n <= order.Val() && n <= causes.Val() && size.Val() == 1 {
		return 0, nil
	}
	bytes := "0"
	if size.Val() == 1 {
		bytes = ""
	}
	for cursor := "0"; ; {
		reply, err := s.numbers(ctx, src.callFor("", restoreScript, cursor, bytes), 3)
		if err != nil {
			return found, fmt.Errorf("restore the order of dead letters of %s: %w", src.key, err)
		}
		found += reply[2]
		if bytes != "" {
			bytes = strconv.FormatInt(reply[1], 10)
		}
		if cursor = strconv.FormatInt(reply[0], 10); cursor == "0" {
			return found, nil
		}
	}
}

func wanted(fields []string, pick func(group, uid string) bool) []string {
	if pick == nil {
		return fields
	}
	var picked []string
	for _, field := range fields {
		if group, uid, _ := strings.Cut(field, "|"); pick(group, uid) {
			picked = append(picked, field)
		}
	}
	return picked
}

// letterWalk goes through the order of a source's dead letters by when they
// were kept, not by rank, which changes whenever one is taken away.
type letterWalk struct {
	store *Store
	src   *Source
	// at is the time reached, seen the letters of just that time.
	at   float64
	seen map[string]bool
	// end is the newest letter's time when the walk began: a letter that is
	// replayed and kept again meanwhile is not met again.
	end string
}

func (w *letterWalk) begin(ctx context.Context) error {
	newest, err := w.store.rdb.ZRangeWithScores(ctx, w.src.keys.deadOrder, -1, -1).Result()
	if err != nil {
		return err
	}
	w.end = "-inf"
	if len(newest) > 0 {
		w.end = score(newest[0].Score)
	}
	return nil
}

// next returns some letters not met before; none at the end.
func (w *letterWalk) next(ctx context.Context) ([]string, error) {
	rows, err := w.store.rdb.ZRangeByScoreWithScores(ctx, w.src.keys.deadOrder, &redis.ZRangeBy{
		Min: score(w.at), Max: w.end, Count: int64(letterPage + len(w.seen)),
	}).Result()
	if err != nil {
		return nil, err
	}
	var fields []string
	for _, row := range rows {
		field, _ := row.Member.(string)
		if row.Score > w.at {
			w.at = row.Score
			clear(w.seen)
		}
		if !w.seen[field] {
			w.seen[field] = true
			fields = append(fields, field)
		}
	}
	return fields, nil
}

// score writes a time in ms as Redis reads it.
func score(ms float64) string { return strconv.FormatFloat(ms, 'f', -1, 64) }

// readLetters reads letters in parts of about letterBytes.
func (s *Store) readLetters(ctx context.Context, src *Source, fields []string, visit func([]Letter) error) error {
	sizes := make([]*redis.IntCmd, len(fields))
	pipe, err := s.readPipeline(ctx, src.key)
	if err == nil {
		for i, field := range fields {
			sizes[i] = pipe.HStrLen(ctx, src.keys.dead, field)
		}
		_, err = pipe.Exec(ctx)
	}
	if err != nil {
		return fmt.Errorf("measure dead letters of %s: %w", src.key, err)
	}
	for len(fields) > 0 {
		n, bytes := 0, int64(0)
		for n < len(fields) && (n == 0 || bytes+sizes[n].Val() <= letterBytes) {
			bytes += sizes[n].Val()
			n++
		}
		page, err := s.readLetterPart(ctx, src, fields[:n])
		if err != nil {
			return err
		}
		if len(page) > 0 {
			if err := visit(page); err != nil {
				return err
			}
		}
		fields, sizes = fields[n:], sizes[n:]
	}
	return nil
}

func (s *Store) readLetterPart(ctx context.Context, src *Source, fields []string) ([]Letter, error) {
	bodies, err := s.rdb.HMGet(ctx, src.keys.dead, fields...).Result()
	if err != nil {
		return nil, fmt.Errorf("read dead letters of %s: %w", src.key, err)
	}
	page := make([]Letter, 0, len(bodies))
	for i, body := range bodies {
		text, ok := body.(string)
		if !ok {
			continue // taken away since it was listed
		}
		letter, err := DecodeLetter(text)
		// Where it lies says whose it is, and what it takes to take it away.
		letter.Group, letter.UID, _ = strings.Cut(fields[i], "|")
		if err != nil {
			letter.Fault = fmt.Errorf("dead letter %s of %s: %w", fields[i], src.key, err)
		} else if letter.CutFrom > 0 {
			letter.Fault = fmt.Errorf("dead letter %s of %s: only the first %d of its %d bytes were kept, since dead_letters::max_bytes is less", fields[i], src.key, len(letter.Entry), letter.CutFrom)
		}
		page = append(page, letter)
	}
	return page, nil
}
