package configs

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
)

// Schema returns the JSON Schema (draft 2020-12) of configuration files, for
// editors. It is made from the table of rules that Load checks too. Load also checks
// that settings do not contradict each other.
func Schema() ([]byte, error) {
	k := newKeys()
	properties := k.properties(nil)
	properties["extends"] = map[string]any{
		"type": "string", "minLength": 1,
		"description": "Another file, relative to this one, whose settings this one builds on.",
	}
	properties[relativeTo] = map[string]any{
		"type": "string", "minLength": 1,
		"description": "The folder, relative to this file, that relative paths in this file are relative to; without it, the working folder.",
	}
	sweep := properties["sweep"].(map[string]any)["properties"].(map[string]any)
	sweep["definitions"] = map[string]any{
		"type":          "object",
		"description":   "Further conditions: what each changes in the experiment.",
		"propertyNames": map[string]any{"pattern": conditionName.String()},
		"additionalProperties": map[string]any{
			"type": "object", "minProperties": 1, "additionalProperties": false,
			"properties": k.properties(overlayAllows),
		},
	}
	schema := map[string]any{
		"$schema":              "https://json-schema.org/draft/2020-12/schema",
		"title":                "onnxlab experiment",
		"type":                 "object",
		"minProperties":        1,
		"additionalProperties": false,
		"properties":           properties,
	}
	return json.MarshalIndent(schema, "", "  ")
}

// properties returns the schemas of the settings whose keys are allowed, nested in their
// sections. If allowed is nil, all of them are.
func (k *keys) properties(allowed func(string) bool) map[string]any {
	defaults := Default()
	top := map[string]any{}
	for i := range k.settings {
		s := &k.settings[i]
		if allowed != nil && !allowed(s.key) {
			continue
		}
		described := s.describe(s.typ)
		described["description"] = s.doc
		value := reflect.ValueOf(s.get(&defaults))
		// Where classes are not given, the data has them. An empty list tells an editor nothing.
		if s.key != "model.classes" && (value.Kind() != reflect.Slice || value.Len() > 0) {
			described["default"] = value.Interface()
		}
		section := top
		parts := strings.Split(s.key, ".")
		for _, name := range parts[:len(parts)-1] {
			section = propertiesBelow(section, name)
		}
		section[parts[len(parts)-1]] = described
	}
	return top
}

// propertiesBelow finds or adds the section called name, and returns its properties.
func propertiesBelow(properties map[string]any, name string) map[string]any {
	section, known := properties[name].(map[string]any)
	if !known {
		section = map[string]any{
			"type": []string{"object", "null"}, "additionalProperties": false, "properties": map[string]any{},
		}
		properties[name] = section
	}
	return section["properties"].(map[string]any)
}

// describe returns the schema of one type under the setting's rule: the type of the setting, or
// of the elements if that is a list.
func (s *setting) describe(typ reflect.Type) map[string]any {
	switch typ.Kind() {
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.String:
		if s.names == nil {
			return map[string]any{"type": "string", "maxLength": longestText}
		}
		return map[string]any{"type": "string", "enum": s.names}
	case reflect.Int, reflect.Uint64:
		return s.bounds(map[string]any{"type": "integer"})
	case reflect.Float64:
		return s.bounds(map[string]any{"type": "number"})
	case reflect.Struct: // an operation of augment.operations: its kind, and numbers that the kind has
		return map[string]any{
			"type": "object", "required": []string{"kind"},
			"properties":           map[string]any{"kind": map[string]any{"type": "string"}},
			"additionalProperties": map[string]any{"type": "number"},
		}
	}
	list := map[string]any{"type": "array", "items": s.describe(typ.Elem()), "maxItems": s.longest}
	if s.shortest > 0 {
		list["minItems"] = s.shortest
	}
	if s.distinct {
		list["uniqueItems"] = true
	}
	if s.pairs { // a map from names to factors may stand in place of the list
		factor := map[string]any{"type": "number", "minimum": 0, "maximum": maxFactor}
		return map[string]any{"anyOf": []any{list, map[string]any{"type": "object", "additionalProperties": factor}}}
	}
	return list
}

// bounds adds the accepted range of a number.
func (s *setting) bounds(schema map[string]any) map[string]any {
	low, high := "minimum", "maximum"
	if s.above {
		low = "exclusiveMinimum"
	}
	if s.below {
		high = "exclusiveMaximum"
	}
	schema[low] = s.min
	// 2^64 - 1 is no float64, and JSON readers differ on it.
	if s.max < math.MaxUint64 {
		schema[high] = s.max
	}
	return schema
}
