package pipeline

import "time"

// flushPolicy says when gathered changes go to the destination.
//
// While the pipeline keeps up, after the interval, but so that applying takes at
// most a quarter of the time: a destination whose batches cost more gets fewer.
// While it is behind, only when a part is full, or when nothing more comes: large
// batches cost far less per change.
type flushPolicy struct {
	every time.Duration
	// took is how long the last apply took.
	took time.Duration
	// behind says that transactions arrive long after their commit.
	behind bool
}

const (
	// behindAfter is the age at which an arriving transaction shows that the
	// pipeline is behind, if the interval is not longer.
	behindAfter = time.Second
	// pauseBehind is how long nothing has to come, while behind, for a flush.
	pauseBehind = 50 * time.Millisecond
	// restFactor keeps applying to a quarter of the time.
	restFactor = 4
)

// observe notes the age of a transaction on its arrival.
func (p *flushPolicy) observe(age time.Duration) {
	p.behind = age > max(behindAfter, 2*p.every)
}

// due is when changes whose first arrived at since are to be flushed, if the
// last thing arrived at latest.
func (p *flushPolicy) due(since, latest time.Time) time.Time {
	if p.behind {
		return latest.Add(pauseBehind)
	}
	return since.Add(max(p.every, restFactor*p.took))
}
