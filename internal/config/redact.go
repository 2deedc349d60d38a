package config

import (
	"bytes"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Redacted writes a pipeline as a file in which secrets are ******. It has the
// values in force, defaults and resolved references included. But for the
// secrets, loading it gives the same pipeline.
func Redacted(p *Pipeline) ([]byte, error) {
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	shown := *p
	shown.MetadataColumns.forget(p.MetadataPrefix)
	v := reflect.ValueOf(&shown).Elem()
	if err := encoder.Encode(sectionNode(declaration(v.Type(), ""), v)); err != nil {
		return nil, err
	}
	return out.Bytes(), encoder.Close()
}

// selfWriter is a section whose fields depend on its content.
type selfWriter interface {
	write(f *Field) *yaml.Node
}

// sectionNode writes a struct: in its short form if that says it all.
func sectionNode(f *Field, v reflect.Value) *yaml.Node {
	if own, ok := v.Interface().(selfWriter); ok {
		return own.write(f)
	}
	if f.List != nil {
		if list := v.FieldByIndex(f.List.index); !list.IsZero() {
			return valueNode(f.List, list)
		}
	}
	n := &yaml.Node{Kind: yaml.MappingNode}
	for i := range f.Fields {
		m := &f.Fields[i]
		n.Content = append(n.Content, pairNodes(m, v.FieldByIndex(m.index))...)
	}
	if f.Scalar != nil && len(n.Content) == 0 {
		return valueNode(f.Scalar, v.FieldByIndex(f.Scalar.index))
	}
	return n
}

// pairNodes is a key and its value, or nothing where leaving the key out means
// the same.
func pairNodes(f *Field, v reflect.Value) []*yaml.Node {
	if f.isZero(v) {
		return nil
	}
	value := valueNode(f, v)
	if value.Kind == yaml.MappingNode && len(value.Content) == 0 {
		return nil
	}
	return []*yaml.Node{textNode(f.Name), value}
}

func valueNode(f *Field, v reflect.Value) *yaml.Node {
	for v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch f.Type {
	case TypeSection:
		return sectionNode(f, v)
	case TypeList:
		n := &yaml.Node{Kind: yaml.SequenceNode}
		if v.Len() == 0 || f.Elem.Type != TypeSection {
			n.Style = yaml.FlowStyle
		}
		for i := range v.Len() {
			n.Content = append(n.Content, valueNode(f.Elem, v.Index(i)))
		}
		return n
	case TypeText:
		return textNode(f.formatText(v))
	default:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: f.formatText(v)}
	}
}

func textNode(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: strings.ReplaceAll(text, "${", "$${")}
}

// write puts the settings of the kind behind its type.
func (dst Destination) write(f *Field) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{textNode("type"), textNode(dst.Type)}}
	v := reflect.ValueOf(dst.Settings)
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	if v.Kind() == reflect.Struct {
		n.Content = append(n.Content, sectionNode(declaration(v.Type(), f.Path), v).Content...)
	}
	return n
}
