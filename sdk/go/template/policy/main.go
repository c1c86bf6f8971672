// Keeps every trace in which a span has the customer.tier of the configuration.
package main

import "tailrace"

// What stands in YAML below config: is read into it.
type config struct {
	Tier string `json:"tier"`
}

// A configured policy.
type policy struct {
	tier string
}

// The columns that Evaluate looks at; others are empty.
func (p policy) Needs() tailrace.Needs { return tailrace.Needs{}.Span("customer.tier") }

func (p policy) Evaluate(trace tailrace.Trace) tailrace.Verdict {
	for span := range trace.Spans() {
		if span.Attribute("customer.tier") == p.tier {
			return tailrace.Sample
		}
	}
	return tailrace.No
}

func configure(config config) (tailrace.Policy, error) {
	if config.Tier == "" {
		return nil, tailrace.Problem{Path: "/tier", Message: "must not be empty"}
	}
	return policy{config.Tier}, nil
}

func init() {
	tailrace.Export(tailrace.Kind{
		Name:    "keep_vip",
		Summary: "Keeps traces of customers of one tier.",
		Schema:  `{"type": "object", "properties": {"tier": {"type": "string", "minLength": 1}}, "required": ["tier"], "additionalProperties": false}`,
	}, configure)
}

// Not called: the host calls the policy.
func main() {}
