// Takes out spans by their name.
package main

import (
	"slices"

	"tailrace/transform"
	"tailrace/wire"
)

// The number of its name among the fields of a Span.
const name = 5

type dropSpans struct {
	Names []string `json:"names"`
}

func (d dropSpans) Apply(signal transform.Signal, request []byte) (transform.Outcome, error) {
	if signal != transform.Traces {
		return transform.Unchanged(), nil
	}
	stays := func(span []byte) bool { return !slices.Contains(d.Names, wire.Text(span, name)) }
	return transform.Edited(request, wire.Retain(request, stays)), nil
}

func init() {
	kind := transform.Kind{Name: "drop_spans", Summary: "Takes out spans by their name."}
	transform.Export(kind, func(config dropSpans) (transform.Transform, error) { return config, nil })
}

func main() {}
