package peers

// DataDir is the directory of the server's SQLite files.
func (m *Mongo) DataDir() string { return m.dir }
