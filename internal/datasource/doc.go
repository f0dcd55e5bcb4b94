// Package datasource reads how users name an SQL database, and opens connections to it. What
// they write may hold a password, so that no error shows it.
package datasource

// Mistake says what is wrong with a text that names a database.
type Mistake string

// Error names the key, and does not show the text.
func (m Mistake) Error() string {
	return "datasource: the value (not shown, it may hold a password) " + string(m)
}
