package config

import (
	"encoding/json"
	"io"
	"slices"
	"strconv"
)

// rule is a JSON Schema, or a part of one.
type rule map[string]any

// reference matches a value that holds ${NAME}, which may stand for any other.
var reference = rule{"type": "string", "pattern": `\$\{`}

// JSONSchema writes the schema of the pipeline file, by which editors complete
// and check it (https://json-schema.org/draft/2020-12/schema). What the schema
// refuses Load refuses too; Load knows more.
func JSONSchema(w io.Writer, kinds Kinds) error {
	root := Field{Type: TypeSection, Fields: Fields(Pipeline{})}
	schema := root.section()
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	schema["title"] = "Trunkline pipeline"
	schema["properties"].(rule)["destination"] = anyDestination(kinds)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(schema)
}

// anyDestination has a rule for each type of destination.
func anyDestination(kinds Kinds) rule {
	var types []rule
	for _, name := range kinds.names() {
		settings := Field{Type: TypeSection, Fields: Fields(kinds[name]())}
		one := settings.section()
		one["properties"].(rule)["type"] = rule{"const": name}
		required, _ := one["required"].([]string)
		one["required"] = append([]string{"type"}, required...)
		types = append(types, one)
	}
	return rule{"description": "Where rows go.", "oneOf": types}
}

// schema is the rule for a field's value.
func (f *Field) schema() rule {
	r := f.value()
	if f.Title != "" {
		r["title"] = f.Title
	}
	if f.Doc != "" {
		r["description"] = f.Doc
	}
	if f.Default != "" {
		r["default"] = f.typed(f.Default)
	}
	if f.Example != "" {
		r["examples"] = []any{f.typed(f.Example)}
	}
	return r
}

func (f *Field) value() rule {
	switch f.Type {
	case TypeSection:
		return f.sectionOrShort()
	case TypeList:
		return rule{"type": "array", "items": f.Elem.schema()}
	case TypeSwitch:
		return rule{"anyOf": []rule{{"type": "boolean"}, {"enum": []string{"on", "off", "yes", "no"}}, reference}}
	case TypeNumber:
		return rule{"anyOf": []rule{f.bounded(), reference}}
	case TypeSize, TypeDuration:
		return rule{"type": []string{"string", "integer"}}
	}
	if len(f.Enum) > 0 {
		return rule{"anyOf": []rule{{"enum": f.Enum}, reference}}
	}
	return rule{"type": []string{"string", "number", "boolean"}} // YAML's plain words
}

// bounded is the rule for a number.
func (f *Field) bounded() rule {
	r := rule{"type": "integer"}
	if n, err := strconv.Atoi(f.Min); err == nil && !f.Off {
		r["minimum"] = n
	}
	if n, err := strconv.Atoi(f.Max); err == nil {
		r["maximum"] = n
	}
	return r
}

// typed is a default or an example as the value that it is.
func (f *Field) typed(text string) any {
	var v any
	if (f.Type == TypeNumber || f.Type == TypeSwitch) && json.Unmarshal([]byte(text), &v) == nil {
		return v
	}
	return text
}

// sectionOrShort is the rule for a section, which may have a short form.
func (f *Field) sectionOrShort() rule {
	forms := []rule{f.section()}
	for _, short := range []*Field{f.Scalar, f.List} {
		if short != nil {
			forms = append(forms, short.schema())
		}
	}
	if len(forms) == 1 {
		return forms[0]
	}
	return rule{"anyOf": forms}
}

// section is the rule for the long form of a section.
func (f *Field) section() rule {
	properties := rule{}
	var required []string
	for i := range f.Fields {
		m := &f.Fields[i]
		if m.NotYet {
			continue
		}
		properties[m.Name] = m.schema()
		if m.Required {
			required = append(required, m.Name)
		}
	}
	r := rule{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		r["required"] = slices.Clip(required)
	}
	return r
}
