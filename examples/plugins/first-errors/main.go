// Keeps the first failed traces of a service.
package main

import (
	"encoding/binary"

	"tailrace"
)

type config struct {
	Service string `json:"service"`
	Limit   uint32 `json:"limit"`
}

type policy struct {
	config
	kept uint32
}

func (p *policy) Needs() tailrace.Needs {
	return tailrace.NeedFields(tailrace.Status, tailrace.Name).Resource("service.name")
}

func (p *policy) Evaluate(trace tailrace.Trace) tailrace.Verdict {
	if p.kept >= p.Limit || !trace.SeenError() {
		return tailrace.No
	}
	for span := range trace.Spans() {
		if span.Status() == 2 && span.Resource("service.name") == p.Service {
			p.kept++
			tailrace.Count("first_errors_kept", 1)
			if p.kept == p.Limit {
				tailrace.Log(tailrace.Info, "the last one is in %s", span.Name())
			}
			return tailrace.Sample
		}
	}
	return tailrace.No
}

func (p *policy) Save() []byte { return binary.LittleEndian.AppendUint32(nil, p.kept) }

func (p *policy) Restore(state []byte) {
	if len(state) == 4 {
		p.kept = binary.LittleEndian.Uint32(state)
	}
}

func configure(config config) (tailrace.Policy, error) {
	if config.Limit == 0 {
		return nil, tailrace.Problem{Path: "/limit", Message: "must be at least 1"}
	}
	return &policy{config: config}, nil
}

func init() {
	tailrace.Export(tailrace.Kind{
		Name:        "first_errors",
		Summary:     "Keeps the first failed traces of a service.",
		StateSchema: "kept:u32le",
		Counters:    []string{"first_errors_kept"},
	}, configure)
}

func main() {}
