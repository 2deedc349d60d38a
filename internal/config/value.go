package config

import (
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// scalar decodes a single value. It reports whether the field counts as given:
// an empty text is the same as none.
func (d *decoder) scalar(f *Field, n *yaml.Node, v reflect.Value, path string) bool {
	if !d.plainScalar(n, path) {
		return true
	}
	d.cutShort(f, n, path)
	text, ok := d.resolve(f, n.Value, path)
	switch {
	case !ok:
		return true
	case text == "" && f.Type == TypeText:
		return false
	}
	if f.IsPath && !d.pathLike(text, path) {
		return true
	}
	if err := f.setText(v, text); err != nil {
		d.refuse(WrongType, path, d.shown(path)+" "+err.Error(), f.typeHint())
		return true
	}
	d.checkValue(f, v, path)
	return true
}

// plainScalar refuses lists, sections and tagged values. The message never has
// the content: it may be a password that lacks quotes.
func (d *decoder) plainScalar(n *yaml.Node, path string) bool {
	if n.Kind != yaml.ScalarNode {
		d.refuse(WrongType, path, "is "+d.kindOf(n)+" and not a single value",
			"write one value; put quotes around one that begins with [ or {")
		return false
	}
	switch n.ShortTag() {
	case "!!str", "!!int", "!!float", "!!bool", "!!timestamp", "!!merge":
		return true
	}
	d.refuse(WrongType, path, "has a YAML tag (a word that begins with !)", "put quotes around a value that begins with !")
	return false
}

// cutShort warns of a secret that YAML ends at " #". The rest is a comment to
// the parser, and the server would only say that the password is wrong.
func (d *decoder) cutShort(f *Field, n *yaml.Node, path string) {
	comment := strings.TrimPrefix(n.LineComment, "#")
	if f.Secret && n.Style == 0 && comment != "" && comment[0] != ' ' && comment[0] != '#' {
		d.warn(path, "what follows # is a comment and not part of the value; if it should be, put quotes around the whole")
	}
}

// resolve notes what is written and returns what it stands for.
func (d *decoder) resolve(f *Field, raw, path string) (string, bool) {
	w := written{text: raw, secret: f.Secret}
	body, isFile := raw, false
	if f.Secret {
		if body, isFile = strings.CutPrefix(raw, "file:"); isFile {
			w.refers = true
		}
	}
	text, refers, wrong := d.env.expand(body)
	w.refers = w.refers || refers
	d.written[path] = w
	if isFile && len(wrong) == 0 {
		var missing *unresolved
		if text, missing = d.env.secretFile(text, body); missing != nil {
			wrong = append(wrong, *missing)
		}
	}
	for _, u := range wrong {
		d.refuse(Unresolved, path, u.cause, u.action)
	}
	if f.Secret && !isFile {
		text = trimLineEnd(text) // of a block scalar, or of $(cat file)
	}
	return text, len(wrong) == 0
}

// shown is a value as a message may show it. What a reference stands for is not
// shown: a file can name the variable of a password anywhere.
func (d *decoder) shown(path string) string {
	switch w := d.written[path]; {
	case w.refers:
		return "the value of " + quote(w.text)
	case w.secret, strings.ContainsRune(w.text, '\n'):
		return "the value" // of several lines: a key pasted into the wrong field
	default:
		return quote(w.text)
	}
}

// checkValue tests a value against its declared words and bounds.
func (d *decoder) checkValue(f *Field, v reflect.Value, path string) {
	text := f.formatText(v)
	switch {
	case f.isLater(text):
		d.refuse(NotYet, path, quote(text)+" is not available in this version yet", "write "+f.oneOf())
	case len(f.Enum) > 0 && !slices.Contains(f.Enum, text):
		d.notAWord(f, text, path)
	case !f.within(v):
		d.refuse(NotAllowed, path, d.shown(path)+" is out of range: "+f.bounds(), "")
	}
}

func (d *decoder) notAWord(f *Field, text, path string) {
	known := slices.Concat(f.Enum, f.Later)
	cause, action := d.shown(path)+" is not one of "+strings.Join(known, ", "), "write "+f.oneOf()
	if len(known) == 1 {
		cause, action = d.shown(path)+" is not known here", "write "+known[0]
	}
	refers := d.written[path].refers
	if near := nearest(text, known); near != "" && !refers {
		cause, action = cause+"; did you mean "+quote(near)+"?", ""
	}
	if f.List != nil && !refers {
		action = "write " + f.oneOf() + ", or for names of your own a list: [" + clip(text) + "]"
	}
	d.refuse(NotAllowed, path, cause, action)
}

// pathLike refuses what people write in place of a path.
func (d *decoder) pathLike(text, path string) bool {
	switch {
	case strings.HasPrefix(text, "~"):
		d.refuse(NotAllowed, path, homeCause(d.written[path].text), homeAction)
	case strings.Contains(text, "-----BEGIN"):
		d.refuse(NotAllowed, path, "holds a certificate or key itself", "save it as a file and write the file's path")
	default:
		return true
	}
	return false
}

func (f *Field) typeHint() string {
	switch {
	case f.Type == TypeNumber && f.bounds() != "":
		return "write a number, " + f.bounds()
	case f.Type == TypeSwitch:
		return "write " + f.oneOf()
	default:
		return ""
	}
}
