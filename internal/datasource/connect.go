package datasource

import "time"

// connectTimeout bounds how long one connection takes to be made, unless the datasource says so: a
// server that is gone without a word is found out sooner than by an attempt that waits for it.
const connectTimeout = 10 * time.Second
