// Keeps the first failed traces of a service, and a share of those after them.
package main

import (
	"encoding/binary"
	"errors"

	"tailrace"
)

type config struct {
	Service string  `json:"service"`
	Limit   uint32  `json:"limit"`
	Share   float64 `json:"share"`
}

type policy struct {
	config
	kept uint32
	// Past the limit, traces are kept whose randomness is not below it.
	threshold uint64
}

// Places in Kind.Reasons.
const (
	notOurs = iota
	first
	inShare
	pastLimit
)

const maxThreshold = 1<<56 - 1

func (p *policy) Needs() tailrace.Needs {
	return tailrace.NeedFields(tailrace.Status, tailrace.Name).Resource("service.name")
}

func (p *policy) EvaluateBatch(batch *tailrace.Batch, candidates []uint32, votes *tailrace.Votes) error {
	for _, place := range candidates {
		reason, threshold := p.vote(batch.Trace(place))
		votes.PushBecause(tailrace.If(reason == first || reason == inShare), reason)
		votes.Threshold(threshold)
	}
	return nil
}

// Why it is kept or not, and the share that this amounts to.
func (p *policy) vote(trace tailrace.Trace) (uint16, uint64) {
	for span := range trace.Spans() {
		if span.Status() != 2 || span.Resource("service.name") != p.Service {
			continue
		}
		if p.kept < p.Limit {
			p.kept++
			tailrace.Count("first_errors_kept", 1)
			if p.kept == p.Limit {
				tailrace.Log(tailrace.Info, "the last one is in %s", span.Name())
			}
			return first, 0
		}
		// The id's last 56 bits are random.
		if binary.BigEndian.Uint64(trace.ID()[8:])&maxThreshold >= p.threshold {
			return inShare, p.threshold
		}
		return pastLimit, p.threshold
	}
	return notOurs, maxThreshold
}

func (p *policy) Save() []byte { return binary.LittleEndian.AppendUint32(nil, p.kept) }

func (p *policy) Restore(state []byte) {
	if len(state) == 4 {
		p.kept = binary.LittleEndian.Uint32(state)
	}
}

func configure(config config) (tailrace.BatchPolicy, error) {
	var problems []error
	if config.Limit == 0 {
		problems = append(problems, tailrace.Problem{Path: "/limit", Message: "must be at least 1"})
	}
	if config.Share < 0 || config.Share > 1 {
		problems = append(problems, tailrace.Problem{Path: "/share", Message: "must be from 0 to 1"})
	}
	threshold := min(uint64((1-config.Share)*(1<<56)), maxThreshold)
	return &policy{config: config, threshold: threshold}, errors.Join(problems...)
}

func init() {
	tailrace.ExportBatch(tailrace.Kind{
		Name:        "first_errors",
		Summary:     "Keeps the first failed traces of a service, and a share of those after them.",
		StateSchema: "kept:u32le",
		Counters:    []string{"first_errors_kept"},
		Reasons:     []string{"no failed span of the service", "among the first", "in the share of the rest", "past the limit"},
	}, configure)
}

func main() {}
