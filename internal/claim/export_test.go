package claim

import "time"

// Hold sets for how long a server that replicas have left is not trusted.
func (s *Store) Hold(d time.Duration) { s.followers.hold = d }
