// Package config declares every setting once.
//
// A struct with tags (see [Field]) is the source of parsing, validation,
// defaults, references to variables and secret files, redaction and the
// reference page; a form and a JSON Schema can be made from [Fields] as well.
// The pipeline file is one such declaration, [Pipeline]; each destination brings
// another for its own section, in [Kinds].
//
// All relative paths, that of the file and those in it, start at the current
// directory, as they do for other commands.
package config

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// maxFile is a thousand times a large pipeline file, and far below what would
// trouble the parser.
const maxFile = 8 << 20

// Load reads a pipeline file. The error is nil or a *fault.Error that tells all
// problems of the file at once; warnings are what will work but was probably
// not meant, each with its position.
func Load(path string, kinds Kinds) (p *Pipeline, warnings []string, err error) {
	data, err := readFile(path, maxFile)
	if err != nil {
		return nil, nil, Unreadable.New("%s", whyUnread(err)).On(path).By(err)
	}
	return Parse(path, data, kinds, System())
}

// Parse is Load for a pipeline file that is already in memory. file is its name
// in messages.
func Parse(file string, data []byte, kinds Kinds, env Environment) (p *Pipeline, warnings []string, err error) {
	doc, err := parseYAML(file, data)
	if err != nil {
		return nil, nil, err
	}
	p = &Pipeline{}
	d := newDecoder(file, p, env, kinds)
	d.document(doc, reflect.ValueOf(p).Elem())
	if warnings, err = d.results(); err != nil {
		return nil, warnings, err
	}
	return p, warnings, nil
}

// parseYAML returns the only document of a file.
func parseYAML(file string, data []byte) (*yaml.Node, error) {
	if len(data) > maxFile {
		return nil, Unreadable.New("it is larger than %s", Size(maxFile)).On(file)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	doc, err := nextDocument(decoder)
	switch {
	case errors.Is(err, io.EOF):
		return nil, Unreadable.New("the file is empty").On(file)
	case err != nil:
		return nil, syntaxError(file, data, err)
	}
	switch second, err := nextDocument(decoder); {
	case err == nil:
		at := place{second.Line, second.Column}
		return nil, Malformed.New("%s: a second document (after ---)", at.in(file)).
			Do("put each pipeline into a file of its own")
	case !errors.Is(err, io.EOF):
		return nil, syntaxError(file, data, err)
	}
	return doc, nil
}

// nextDocument turns the parser's panics into errors: it has some left for
// comments in odd places, and a file must never end the process.
func nextDocument(decoder *yaml.Decoder) (doc *yaml.Node, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errors.New("the parser gives up; a comment in an odd place may be why")
		}
	}()
	doc = &yaml.Node{}
	return doc, decoder.Decode(doc)
}

// syntaxError puts the parser's complaint into words. The text of the file is
// never quoted: it may be a password that lacks quotes.
func syntaxError(file string, data []byte, err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	at := place{}
	if m := regexp.MustCompile(`^line (\d+): `).FindStringSubmatch(text); m != nil {
		at.line, _ = strconv.Atoi(m[1])
		text = strings.TrimPrefix(text, m[0])
		if countsFromZero(text) {
			at.line++
		}
	}
	action := syntaxRemedy(text)
	if anchor, ok := strings.CutPrefix(text, "unknown anchor '"); ok {
		anchor, _, _ = strings.Cut(anchor, "'")
		at = placeOf(data, bytes.Index(data, []byte("*"+anchor)))
		text = "a value begins with *, which names an anchor, and there is none of that name"
	}
	if i := bytes.IndexFunc(data, notYAML); i >= 0 {
		at, text = placeOf(data, i), "a character that no text file has"
		action = "save the file as UTF-8, and write the character as an escape between double quotes"
	}
	if line := tabLine(data); line > 0 {
		at, text, action = place{line, 1}, "a line is indented with a tab", "indent with spaces"
	}
	return Malformed.New("%s: %s", at.in(file), text).Do("%s", action).By(errors.New(text))
}

// countsFromZero tells complaints of the grammar from those of the scanner: the
// parser counts lines from 0 in the first and from 1 in the second.
func countsFromZero(complaint string) bool {
	for _, expected := range []string{"key", "',' or", "'-' indicator", "node content", "<document start>"} {
		if strings.HasPrefix(complaint, "did not find expected "+expected) {
			return true
		}
	}
	return false
}

// syntaxRemedy guesses what led to a complaint; empty means nothing to add.
func syntaxRemedy(complaint string) string {
	for _, c := range []struct{ part, action string }{
		{"unknown anchor", `put quotes around a value that begins with *`},
		{"alphabetic or numeric", `put quotes around a value that begins with * or &`},
		{"cannot start any token", "put quotes around a value that begins with @, ` or %"},
		{"unknown escape", `put the value in single quotes, where \ means itself`},
		{"mapping values are not allowed", `check the indentation, and put quotes around a value that holds ": "`},
		{"did not find expected key", "check the indentation and the quotes of the lines from here on"},
		{"',' or '}'", `put quotes around values between { and }, such as "${NAME}"`},
	} {
		if strings.Contains(complaint, c.part) {
			return c.action
		}
	}
	return ""
}

// notYAML tells characters that a YAML file must not contain as they are.
func notYAML(r rune) bool {
	return r == utf8.RuneError || isControl(r) && r != '\t' && r != '\n' && r != '\r'
}

// placeOf is the line and column of a byte.
func placeOf(data []byte, offset int) place {
	before := data[:max(offset, 0)]
	lineStart := bytes.LastIndexByte(before, '\n') + 1
	return place{bytes.Count(before, []byte("\n")) + 1, utf8.RuneCount(before[lineStart:]) + 1}
}

// tabLine is the first line indented with a tab, or 0.
func tabLine(data []byte) int {
	for i, line := range bytes.Split(data, []byte("\n")) {
		text := bytes.TrimLeft(line, " \t")
		indent := line[:len(line)-len(text)]
		if len(bytes.TrimSpace(text)) > 0 && bytes.ContainsRune(indent, '\t') {
			return i + 1
		}
	}
	return 0
}
