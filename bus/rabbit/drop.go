package rabbit

import "time"

// Drop ends the session, so that its Connection makes another one, with the next broker: for a broker that is connected
// and does not do its work.
func (s *Session) Drop() {
	_ = s.conn.CloseDeadline(time.Now().Add(time.Second)) // it may not answer, and then that is that
}
