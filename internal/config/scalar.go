package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

var (
	errNumber   = errors.New("is not a whole number")
	errSwitch   = errors.New("is neither true nor false")
	errDuration = errors.New("is not a duration such as 200ms, 30s, 5m or 1.5h")
	errControl  = errors.New("holds a line break or another control character")
	errNUL      = errors.New("holds a NUL character, which PostgreSQL takes in no text")
	errUTF8     = errors.New("is not valid UTF-8")
)

// setText reads text as the field's type and stores it in v. The error is a
// predicate ("is not a whole number") that never quotes the text.
func (f *Field) setText(v reflect.Value, text string) error {
	switch f.Type {
	case TypeText:
		v.SetString(text)
		return f.checkText(text)
	case TypeSwitch:
		on, err := parseSwitch(text)
		v.SetBool(on)
		return err
	case TypeNumber:
		return setNumber(v, text)
	case TypeDuration:
		d, err := parseDuration(text, f.Off)
		v.SetInt(int64(d))
		return err
	case TypeSize:
		s, err := ParseSize(text)
		v.SetInt(int64(s))
		return err
	default:
		panic(fmt.Sprintf("config: %s: a %s is no text", f.Path, f.Type))
	}
}

// checkText refuses what no name, host or path holds. A secret may hold
// anything that can be sent to a server.
func (f *Field) checkText(text string) error {
	switch {
	case f.Secret && strings.ContainsRune(text, 0):
		return errNUL
	case f.Secret:
		return nil
	case !utf8.ValidString(text):
		return errUTF8
	case strings.ContainsFunc(text, isControl):
		return errControl
	}
	return nil
}

func isControl(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp)
}

// printable keeps a message on one line.
func printable(r rune) rune {
	if isControl(r) {
		return '�'
	}
	return r
}

// setNumber takes decimal digits only. Leading zeros are refused: YAML once read
// them as octal, and nobody can tell which was meant.
func setNumber(v reflect.Value, text string) error {
	digits := strings.TrimPrefix(text, "-")
	if !allDigits(digits) || len(digits) > 1 && digits[0] == '0' {
		return errNumber
	}
	if v.CanUint() {
		n, err := strconv.ParseUint(text, 10, v.Type().Bits())
		if err == nil {
			v.SetUint(n)
		}
		return numberError(err)
	}
	n, err := strconv.ParseInt(text, 10, v.Type().Bits())
	if err == nil {
		v.SetInt(n)
	}
	return numberError(err)
}

func numberError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, strconv.ErrRange):
		return errors.New("is too large")
	default:
		return errNumber
	}
}

// parseSwitch takes YAML's words of both versions; people write all of them.
func parseSwitch(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "true", "yes", "on":
		return true, nil
	case "false", "no", "off":
		return false, nil
	}
	return false, errSwitch
}

// parseDuration takes a number with a unit. A lone 0, and the word off, are a
// duration only where the field can be switched off.
func parseDuration(text string, off bool) (time.Duration, error) {
	if off && (text == "0" || strings.EqualFold(text, "off")) {
		return 0, nil
	}
	if allDigits(text) {
		return 0, errors.New("has no unit; write it like 200ms, 30s, 5m or 1.5h")
	}
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return 0, errDuration
	case d < 0:
		return 0, errors.New("is negative")
	}
	return d, nil
}

// formatText writes a value as setText reads it.
func (f *Field) formatText(v reflect.Value) string {
	switch {
	case f.Type == TypeDuration && v.Int() == 0 && f.Off:
		return "off"
	case f.Type == TypeDuration:
		return shortDuration(time.Duration(v.Int()))
	case f.Type == TypeSize:
		return Size(v.Int()).String()
	case f.Type == TypeSwitch:
		return strconv.FormatBool(v.Bool())
	case v.CanInt():
		return strconv.FormatInt(v.Int(), 10)
	case v.CanUint():
		return strconv.FormatUint(v.Uint(), 10)
	case f.Secret && v.String() != "":
		return mask
	default:
		return v.String()
	}
}

// shortDuration drops zero tails: 30m, where Go writes 30m0s.
func shortDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// bounds describes what min and max allow, or is empty.
func (f *Field) bounds() string {
	unit := ""
	switch {
	case f.Type == TypeText:
		unit = " characters"
	case f.Off:
		unit = ", or off"
	}
	switch {
	case f.Min != "" && f.Max != "":
		return f.Min + " to " + f.Max + unit
	case f.Min != "":
		return "at least " + f.Min + unit
	case f.Max != "":
		return "at most " + f.Max + unit
	}
	return ""
}

// within reports whether v keeps min and max. A duration switched off does.
func (f *Field) within(v reflect.Value) bool {
	if f.Min == "" && f.Max == "" {
		return true
	}
	measured := f.measure(v)
	if f.Type == TypeDuration && f.Off && measured == 0 {
		return true
	}
	return (f.Min == "" || measured >= f.bound(f.Min)) && (f.Max == "" || measured <= f.bound(f.Max))
}

func (f *Field) measure(v reflect.Value) int64 {
	switch {
	case f.Type == TypeText:
		return int64(utf8.RuneCountInString(v.String()))
	case f.Type == TypeList:
		return int64(v.Len())
	case v.CanUint():
		return int64(min(v.Uint(), 1<<63-1))
	default:
		return v.Int()
	}
}

// bound reads min or max; a wrong one is a mistake in the declaration.
func (f *Field) bound(text string) int64 {
	var n int64
	var err error
	switch f.Type {
	case TypeDuration:
		var d time.Duration
		d, err = parseDuration(text, true)
		n = int64(d)
	case TypeSize:
		var s Size
		s, err = ParseSize(text)
		n = int64(s)
	default:
		n, err = strconv.ParseInt(text, 10, 64)
	}
	if err != nil {
		panic(fmt.Sprintf("config: %s: bound %q: %v", f.Path, text, err))
	}
	return n
}

// oneOf lists the words a field takes now.
func (f *Field) oneOf() string {
	now := f.Enum
	if f.Type == TypeSwitch {
		now = slices.DeleteFunc([]string{"true", "false"}, f.isLater)
	}
	if len(now) < 2 {
		return strings.Join(now, "")
	}
	last := len(now) - 1
	return strings.Join(now[:last], ", ") + " or " + now[last]
}

func (f *Field) isLater(word string) bool { return slices.Contains(f.Later, word) }

// isZero reports whether leaving the field out means the same as v.
func (f *Field) isZero(v reflect.Value) bool {
	return v.IsZero() && f.defaultIsZero(v.Type())
}

func (f *Field) defaultIsZero(t reflect.Type) bool {
	if f.Default == "" || f.Type == TypeSection || f.Type == TypeList {
		return true
	}
	zero := reflect.New(t).Elem()
	_ = f.setText(zero, f.Default)
	return zero.IsZero()
}
