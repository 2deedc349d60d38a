package pg

import "fmt"

// Version is a server version as server_version_num gives it: 150018 is 15.18.
type Version int

// Bounds of what Trunkline replicates from. Versions 10 and 11 speak the same
// protocol but are not tested.
const (
	OldestSupported Version = 100000
	OldestTested    Version = 120000
)

// Major is the major version: 15.
func (v Version) Major() int { return int(v) / 10000 }

// String prints 15.18.
func (v Version) String() string { return fmt.Sprintf("%d.%d", v.Major(), int(v)%10000) }

// AtLeast reports whether the server is of this major version or newer.
func (v Version) AtLeast(major int) bool { return v.Major() >= major }

// StreamsInProgress reports whether pgoutput can send transactions before they
// commit (protocol version 2).
// https://www.postgresql.org/docs/14/protocol-logical-replication.html
func (v Version) StreamsInProgress() bool { return v.AtLeast(14) }

// ScansTIDRanges reports whether a condition on ctid reads only the blocks in
// its range. https://www.postgresql.org/docs/14/release-14.html
func (v Version) ScansTIDRanges() bool { return v.AtLeast(14) }

// PublishesViaRoot reports whether changes of partitions can be published under
// the name of their root. https://www.postgresql.org/docs/13/sql-createpublication.html
func (v Version) PublishesViaRoot() bool { return v.AtLeast(13) }

// PublishesGenerated reports whether stored generated columns can be published.
// https://www.postgresql.org/docs/18/sql-createpublication.html
func (v Version) PublishesGenerated() bool { return v.AtLeast(18) }

// SendsMessages reports whether pgoutput can pass on logical decoding messages.
func (v Version) SendsMessages() bool { return v.AtLeast(14) }

// FiltersPublications reports whether publications have column lists and row
// filters.
func (v Version) FiltersPublications() bool { return v.AtLeast(15) }
