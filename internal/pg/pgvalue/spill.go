package pgvalue

import (
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"
)

// SideText is the form in which a text that its column refused is kept beside
// the row: PostgreSQL's own text, or, where that is not valid UTF-8, its bytes
// in the hexadecimal form of bytea. No text that is refused for another reason
// begins with a backslash, so the two are told apart.
func SideText(text []byte) string {
	if utf8.Valid(text) {
		return string(text)
	}
	return string(printBytes(make([]byte, 0, 2+hex.EncodedLen(len(text))), text))
}

// IsSideBytes reports whether a side text stands for bytes that are not UTF-8.
func IsSideBytes(side string) bool { return strings.HasPrefix(side, `\x`) }

// SpillText is the side text of a binary value that Column.AppendBinary refused
// with ErrCannotHold.
func SpillText(t *Type, src []byte) (string, error) {
	switch t.Kind {
	case Decimal:
		return spillNumeric(src)
	case Timestamp, TimestampTZ:
		micros, err := binaryInt64(src)
		return string(printInstant(nil, micros, epochDays, t.Kind == TimestampTZ)), err
	case Interval:
		return spillInterval(src)
	case Text:
		return SideText(src), nil
	case JSON:
		return SideText(jsonText(src)), nil
	}
	return "", fmt.Errorf("every %s can be held", t.Name)
}
