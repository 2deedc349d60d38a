package pgvalue

const (
	microsPerSecond int64 = 1_000_000
	microsPerMinute int64 = 60 * microsPerSecond
	microsPerHour   int64 = 60 * microsPerMinute
	microsPerDay    int64 = 24 * microsPerHour
)

// scanner takes numbers and signs from the front of a date, time or interval in
// ISO form. After a failure it goes on without harm; the end asks ok.
type scanner struct {
	src    []byte
	failed bool
}

func (s *scanner) ok() bool { return !s.failed && len(s.src) == 0 }

func (s *scanner) peek() byte {
	if len(s.src) == 0 {
		return 0
	}
	return s.src[0]
}

func (s *scanner) skip(c byte) bool {
	if len(s.src) == 0 || s.src[0] != c {
		return false
	}
	s.src = s.src[1:]
	return true
}

func (s *scanner) expect(c byte) {
	if !s.skip(c) {
		s.failed = true
	}
}

// check fails unless the condition holds.
func (s *scanner) check(holds bool) { s.failed = s.failed || !holds }

// maxDigits is how many digits the numbers within dates, times and intervals
// have at most; so many cannot overflow what is made of them.
const maxDigits = 10

// number takes one or more digits.
func (s *scanner) number() int64 {
	var v int64
	i := 0
	for ; i < len(s.src); i++ {
		d := s.src[i] - '0'
		if d > 9 || i == maxDigits {
			break
		}
		v = v*10 + int64(d)
	}
	s.check(i > 0)
	s.src = s.src[i:]
	return v
}

// two takes two digits, of a number from low to high.
func (s *scanner) two(low, high int64) int64 {
	if len(s.src) < 2 {
		s.failed = true
		return 0
	}
	tens, ones := s.src[0]-'0', s.src[1]-'0'
	v := int64(tens)*10 + int64(ones)
	s.check(tens <= 9 && ones <= 9 && v >= low && v <= high)
	s.src = s.src[2:]
	return v
}

// date takes YYYY-MM-DD, the year in four digits or more; whether the month has
// such a day is seen once the era is known.
func (s *scanner) date() (year, month, day int64) {
	year = s.number()
	s.expect('-')
	month = s.two(1, 12)
	s.expect('-')
	return year, month, s.two(1, 31)
}

// clock takes HH:MM:SS with up to six digits of a fraction, in microseconds. A
// day has up to 24:00:00.
func (s *scanner) clock() int64 {
	micros := s.two(0, 24)*microsPerHour + s.minutes()
	s.check(micros <= microsPerDay)
	return micros
}

// minutes takes :MM:SS with up to six digits of a fraction, in microseconds.
func (s *scanner) minutes() int64 {
	s.expect(':')
	micros := s.two(0, 59) * microsPerMinute
	s.expect(':')
	return micros + s.two(0, 59)*microsPerSecond + s.fraction()
}

func (s *scanner) fraction() int64 {
	if !s.skip('.') {
		return 0
	}
	before := len(s.src)
	v := s.number()
	digits := before - len(s.src)
	s.check(digits <= 6)
	for ; digits < 6; digits++ {
		v *= 10
	}
	return v
}

// zone takes an offset ±HH[:MM[:SS]], in microseconds east of UTC.
func (s *scanner) zone() int64 {
	west := s.skip('-')
	if !west {
		s.expect('+')
	}
	offset := s.two(0, 15) * microsPerHour
	if s.skip(':') {
		offset += s.two(0, 59) * microsPerMinute
	}
	if s.skip(':') {
		offset += s.two(0, 59) * microsPerSecond
	}
	if west {
		return -offset
	}
	return offset
}

// era takes a trailing " BC". The year before 1 is 1 BC; here it is 0.
func (s *scanner) era(year int64) int64 {
	s.check(year > 0)
	if string(s.src) == " BC" {
		s.src = nil
		return 1 - year
	}
	return year
}

func padTwo(dst []byte, v int64) []byte {
	return append(dst, byte('0'+v/10%10), byte('0'+v%10))
}
