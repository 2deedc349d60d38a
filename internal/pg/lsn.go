// Package pg holds the words of PostgreSQL: positions in the write-ahead log,
// identifiers, versions and names. It does no I/O.
package pg

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// LSN is a position in the write-ahead log, in bytes.
// https://www.postgresql.org/docs/current/datatype-pg-lsn.html
type LSN uint64

// String prints the LSN as PostgreSQL does: 16/B374D848.
func (l LSN) String() string {
	return fmt.Sprintf("%X/%X", uint32(l>>32), uint32(l))
}

// ParseLSN reads the form that String prints.
func ParseLSN(s string) (LSN, error) {
	high, low, found := strings.Cut(s, "/")
	if !found {
		return 0, fmt.Errorf("lsn %q: no slash", s)
	}
	h, err := strconv.ParseUint(high, 16, 32)
	if err != nil {
		return 0, fmt.Errorf("lsn %q: %w", s, err)
	}
	l, err := strconv.ParseUint(low, 16, 32)
	if err != nil {
		return 0, fmt.Errorf("lsn %q: %w", s, err)
	}
	return LSN(h<<32 | l), nil
}

// EpochOffset is the distance from the Unix epoch to PostgreSQL's own,
// 2000-01-01 00:00:00 UTC, in microseconds.
const EpochOffset int64 = 946_684_800_000_000

// Micros is an instant in microseconds since the Unix epoch, as it travels
// through batches. The two infinities of PostgreSQL are InfinityMicros and its
// negative.
type Micros int64

// InfinityMicros stands for 'infinity'; -InfinityMicros for '-infinity'.
const InfinityMicros = Micros(1<<63 - 1)

// FromEpoch turns microseconds since 2000-01-01, the form of the replication
// protocol, into Micros.
func FromEpoch(us int64) Micros { return Micros(us + EpochOffset) }

// ToEpoch turns m into microseconds since 2000-01-01.
func (m Micros) ToEpoch() int64 { return int64(m) - EpochOffset }

// Time is m as a time in UTC.
func (m Micros) Time() time.Time { return time.UnixMicro(int64(m)).UTC() }

// MicrosOf is t as Micros.
func MicrosOf(t time.Time) Micros { return Micros(t.UnixMicro()) }
