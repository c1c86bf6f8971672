// Masks the values of the attributes that the configuration lists.
package main

import (
	"slices"

	"tailrace/transform"
	"tailrace/wire"
)

// What stands in YAML below config: is read into it.
type config struct {
	Keys []string `json:"keys"`
}

// A configured transform.
type maskKeys struct{ keys []string }

func (m maskKeys) Apply(signal transform.Signal, request []byte) (transform.Outcome, error) {
	return transform.Edited(request, transform.EditAttributes(signal, request, m.mask)), nil
}

// An attribute is a KeyValue: 1 is its key, 2 its value, of which 1 is a string.
func (m maskKeys) mask(attribute []byte) []byte {
	key := wire.Text(attribute, 1)
	if !slices.Contains(m.keys, key) {
		return attribute
	}
	transform.Count("masked", 1)
	return wire.Put(wire.Put(nil, 1, key), 2, wire.Put(nil, 1, "***"))
}

func configure(config config) (transform.Transform, error) {
	if len(config.Keys) == 0 {
		return nil, transform.Problem{Path: "/keys", Message: "must not be empty"}
	}
	return maskKeys{config.Keys}, nil
}

func init() {
	transform.Export(transform.Kind{
		Name:     "mask_keys",
		Summary:  "Masks the values of listed attributes.",
		Schema:   `{"type": "object", "properties": {"keys": {"type": "array", "items": {"type": "string"}, "minItems": 1}}, "required": ["keys"], "additionalProperties": false}`,
		Counters: []string{"masked"},
	}, configure)
}

// Not called: the host calls the transform.
func main() {}
