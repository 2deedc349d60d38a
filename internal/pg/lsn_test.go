package pg

import (
	"math"
	"testing"
	"time"
)

func TestLSN(t *testing.T) {
	for text, want := range map[string]LSN{
		"0/0": 0, "16/B374D848": 0x16_B374D848, "FFFFFFFF/FFFFFFFF": math.MaxUint64, "1/0": 1 << 32, "0/FFFFFFFF": 1<<32 - 1,
	} {
		got, err := ParseLSN(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%s is %d (%v), printed %v", text, uint64(got), err, got)
		}
	}
	// Later versions print leading zeros.
	if got, err := ParseLSN("0/0a00F3c8"); err != nil || got != 0xA00F3C8 {
		t.Errorf("%v, %v", got, err)
	}
	for _, text := range []string{"", "0", "/", "0/", "/0", "1/2/3", "0x1/0", "-1/0", "+1/0", "100000000/0", "0/100000000", " 0/0", "0/0 ", "g/0"} {
		if got, err := ParseLSN(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}

func TestMicros(t *testing.T) {
	millennium := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	if got := FromEpoch(0).Time(); !got.Equal(millennium) || got.Location() != time.UTC {
		t.Errorf("the epoch is %v", got)
	}
	if got := MicrosOf(millennium).ToEpoch(); got != 0 {
		t.Errorf("the epoch is at %d", got)
	}
	for _, us := range []int64{-1, 1, 775_000_000_123_456, -210_866_803_200_000_000} {
		if got := FromEpoch(us).ToEpoch(); got != us {
			t.Errorf("%d comes back as %d", us, got)
		}
		if got := MicrosOf(FromEpoch(us).Time()); got != FromEpoch(us) {
			t.Errorf("%d is at %v", us, FromEpoch(us).Time())
		}
	}
	local := time.Date(2024, 7, 22, 23, 46, 40, 123_456_789, time.FixedZone("", 7200))
	if got := MicrosOf(local).Time().Format(time.RFC3339Nano); got != "2024-07-22T21:46:40.123456Z" {
		t.Errorf("an instant in another zone is %s", got)
	}
	if InfinityMicros != math.MaxInt64 || -InfinityMicros != -math.MaxInt64 {
		t.Error("the infinities are the ends of an int64")
	}
}

func TestVersion(t *testing.T) {
	for v, want := range map[Version]string{150018: "15.18", 120022: "12.22", 180000: "18.0", 100000: "10.0"} {
		if v.String() != want {
			t.Errorf("%d prints %v, want %s", int(v), v, want)
		}
	}
	// The first major version that can do something.
	for what, c := range map[string]struct {
		can   func(Version) bool
		first int
	}{
		"stream in progress": {Version.StreamsInProgress, 14}, "scan ranges of ctid": {Version.ScansTIDRanges, 14},
		"publish via root": {Version.PublishesViaRoot, 13}, "publish generated columns": {Version.PublishesGenerated, 18},
		"send messages": {Version.SendsMessages, 14}, "filter publications": {Version.FiltersPublications, 15},
	} {
		for major := OldestSupported.Major(); major <= 19; major++ {
			for _, minor := range []int{0, 99} {
				if v := Version(major*10_000 + minor); c.can(v) != (major >= c.first) {
					t.Errorf("%v can %s: %v", v, what, c.can(v))
				}
			}
		}
	}
	if OldestTested.Major() != 12 {
		t.Errorf("tests begin at %v", OldestTested)
	}
}
