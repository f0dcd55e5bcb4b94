package peers

import "sync"

// tailBytes is how much of a child's output is kept.
const tailBytes = 64 << 10

// tail keeps the end of what is written to it and tells waiters of each write.
type tail struct {
	mu     sync.Mutex // guards the fields below
	buf    []byte
	notify chan struct{} // closed and replaced at each write
}

func newTail() *tail { return &tail{notify: make(chan struct{})} }

// Write never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - tailBytes; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	close(t.notify)
	t.notify = make(chan struct{})
	return len(p), nil
}

// String returns what is kept.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.buf)
}

// changed is closed at the next write.
func (t *tail) changed() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.notify
}
