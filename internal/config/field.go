package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Type is what a field holds, in the words of the reference page.
type Type string

// The types of fields.
const (
	TypeText     Type = "text"
	TypeNumber   Type = "whole number"
	TypeSwitch   Type = "true or false"
	TypeDuration Type = "duration"
	TypeSize     Type = "size"
	TypeList     Type = "list"
	TypeSection  Type = "section"
)

// Field is one declared setting: all that a parser, a form, a schema or a
// reference page has to know about it. It is read from a struct field's tags:
//
//	yaml       the key; options: inline (an embedded struct's fields belong to
//	           the outer section), scalar, list (the field that a lone value or
//	           a lone list in place of the section sets; it may have no key)
//	title      the label in the form
//	doc        one or two sentences
//	example    a value for messages and forms
//	required   "true": must be given and not be empty
//	default    the value if it is not given
//	otherwise  what holds if it is not given, where that is no constant
//	secret     "true": never shown (implied by the Go type Secret)
//	path       "true": names a file
//	min, max   bounds: of numbers, sizes and durations, the length of texts in
//	           characters and of lists in entries
//	off        "true": a duration that may be written 0 or off
//	enum       words it takes, comma-separated
//	later      words (or "*" for the whole field) that are specified but not built
//	aka        other names under which people look for it
//
// Go types: string kinds, bool, integers, time.Duration, Size, Secret, structs,
// and pointers (nil: not given) and slices (nil: not given) of these.
type Field struct {
	Path      string // "source.ssl.mode", "objects[].name"
	Name      string
	Title     string
	Doc       string
	Example   string
	Type      Type
	Required  bool
	Default   string
	Otherwise string
	Secret    bool
	IsPath    bool
	Min, Max  string
	Off       bool
	Enum      []string
	Later     []string
	NotYet    bool
	Aka       []string

	Elem   *Field  // of a list: what each entry is
	Fields []Field // of a section
	Scalar *Field  // of a section: what a lone value in its place sets
	List   *Field  // of a section, and of its Scalar: what a lone list in its place sets

	index []int
	typ   reflect.Type
}

// Fields returns the declared settings of a struct, in order. v is the struct
// or a pointer to it; its values do not matter. A wrong declaration panics.
func Fields(v any) []Field {
	return declaration(reflect.TypeOf(v), "").Fields
}

// Walk calls visit for every declared setting below v, outer ones first.
func Walk(v any, visit func(Field)) { walk(Fields(v), visit) }

func walk(fields []Field, visit func(Field)) {
	for _, f := range fields {
		visit(f)
		if f.Elem != nil {
			walk(f.Elem.Fields, visit)
		}
		walk(f.Fields, visit)
	}
}

// declaration describes the section that a struct type declares.
func declaration(t reflect.Type, path string) *Field {
	f := &Field{Path: path, typ: t}
	f.describe(t)
	if f.Type != TypeSection {
		panic(fmt.Sprintf("config: settings must be a struct, not %s", t))
	}
	return f
}

// describe fills in what follows from the Go type.
func (f *Field) describe(t reflect.Type) {
	switch {
	case t.Kind() == reflect.Pointer:
		f.describe(t.Elem())
	case t == reflect.TypeFor[time.Duration]():
		f.Type = TypeDuration
	case t == reflect.TypeFor[Size]():
		f.Type = TypeSize
	case t == reflect.TypeFor[Secret]():
		f.Type, f.Secret = TypeText, true
	case t.Kind() == reflect.String:
		f.Type = TypeText
	case t.Kind() == reflect.Bool:
		f.Type = TypeSwitch
	case reflect.Int <= t.Kind() && t.Kind() <= reflect.Uint64:
		f.Type = TypeNumber
	case t.Kind() == reflect.Slice:
		f.Type = TypeList
		f.Elem = &Field{Path: f.Path + "[]", typ: t.Elem()}
		f.Elem.describe(t.Elem())
	case t.Kind() == reflect.Struct:
		f.Type = TypeSection
		f.members(t, nil)
	default:
		panic(fmt.Sprintf("config: %s: no settings of type %s", f.Path, t))
	}
}

// members adds the fields of a struct type, inlined ones included.
func (f *Field) members(t reflect.Type, index []int) {
	for i := range t.NumField() {
		tag, declared := t.Field(i).Tag.Lookup("yaml")
		if !declared || tag == "-" {
			continue
		}
		name, option, _ := strings.Cut(tag, ",")
		at := append(slices.Clone(index), i)
		if option == "inline" {
			f.members(t.Field(i).Type, at)
			continue
		}
		f.add(member(t.Field(i), joinPath(f.Path, name), name, at), option)
	}
}

func (f *Field) add(m Field, option string) {
	if m.Name != "" {
		f.Fields = append(f.Fields, m)
	}
	switch option {
	case "":
	case "scalar":
		f.Scalar = &m
		if m.Name == "" && f.Default == "" {
			f.Default = m.Default
		}
	case "list":
		f.List = &m
		if f.Scalar != nil {
			f.Scalar.List = &m
		}
	default:
		panic(fmt.Sprintf("config: %s: unknown option %q in the yaml tag", m.Path, option))
	}
}

// member reads the tags of one struct field.
func member(sf reflect.StructField, path, name string, index []int) Field {
	tag := sf.Tag.Get
	f := Field{
		Path: path, Name: name, Title: tag("title"), Doc: tag("doc"), Example: tag("example"),
		Required: tag("required") == "true", Default: tag("default"), Otherwise: tag("otherwise"),
		Secret: tag("secret") == "true", IsPath: tag("path") == "true",
		Min: tag("min"), Max: tag("max"), Off: tag("off") == "true",
		Enum: words(tag("enum")), Aka: words(tag("aka")),
		index: index, typ: sf.Type,
	}
	if f.NotYet = tag("later") == "*"; !f.NotYet {
		f.Later = words(tag("later"))
	}
	f.describe(sf.Type)
	return f
}

// find returns the member with this key, or nil.
func (f *Field) find(name string) *Field {
	for i := range f.Fields {
		if f.Fields[i].Name == name {
			return &f.Fields[i]
		}
	}
	return nil
}

func (f *Field) names() []string {
	names := make([]string, len(f.Fields))
	for i := range f.Fields {
		names[i] = f.Fields[i].Name
	}
	return names
}

// usable are the keys that this version takes.
func (f *Field) usable() []string {
	var names []string
	for i := range f.Fields {
		if !f.Fields[i].NotYet {
			names = append(names, f.Fields[i].Name)
		}
	}
	return names
}

func (f *Field) alsoKnownAs(key string) bool {
	return slices.ContainsFunc(f.Aka, func(aka string) bool { return plain(aka) == plain(key) })
}

// sample is a line that gives the field a value, for messages.
func (f *Field) sample() string {
	switch {
	case f.Example != "":
		return f.Name + ": " + f.Example
	case f.Type == TypeSection:
		return f.Name + ":"
	case len(f.Enum) > 0:
		return f.Name + ": " + f.Enum[0]
	default:
		return f.Name + ": ..."
	}
}

func words(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}

// joinPath names a field within a section.
func joinPath(section, name string) string {
	if section == "" || name == "" {
		return section + name
	}
	return section + "." + name
}
