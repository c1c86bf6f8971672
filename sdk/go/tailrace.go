// Package tailrace is what a sampling policy in Go needs: implement [Policy], name it with [Export] in an init function, and build with
// `tailrace plugin build`.
//
// A policy has no clock, no randomness, no files and no network: [Batch.Now] is the tick's time. That is why a recording evaluates to the same
// decisions. A panic costs the policy its vote.
package tailrace

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	_ "tailrace/internal/exports"
	host "tailrace/internal/host"
	sampling "tailrace/internal/sampling"
	export "tailrace/internal/sampling_export"
	types "tailrace/internal/types"
)

// Verdict is a vote on one trace.
type Verdict uint8

const (
	No     Verdict = 0 // no opinion: other policies may keep the trace
	Sample Verdict = 1 // keep it
	Drop   Verdict = 2 // throw it away, whatever other policies say
)

// If is Sample where keep is true, else No.
func If(keep bool) Verdict {
	if keep {
		return Sample
	}
	return No
}

// Policy is one configured policy, asked about each trace of a tick.
type Policy interface {
	// Needs says which columns Evaluate looks at; others are empty. Asked once.
	Needs() Needs
	// Evaluate votes on one trace.
	Evaluate(trace Trace) Verdict
}

// BatchPolicy is a Policy that wants the arrays: it is asked for all votes at once, one per candidate, a place in the batch each. An error costs
// all of them.
type BatchPolicy interface {
	Policy
	EvaluateBatch(batch *Batch, candidates []uint32) ([]Verdict, error)
}

// Stateful is a Policy whose state survives a swap of the plugin, or a trap. Save is called after each batch: keep it small.
type Stateful interface {
	Save() []byte
	Restore(state []byte)
}

// Explaining is a Policy that says why: the place in Kind.Reasons of the vote that Evaluate gave last.
type Explaining interface {
	Reason() uint16
}

// Kind is what listings and the host know of a policy.
type Kind struct {
	Name        string // as in configurations: snake_case
	Summary     string // one sentence
	Schema      string // JSON Schema (2020-12) of the configuration
	StateSchema string // names the form of what Save returns; empty: no state
	Reasons     []string
	Counters    []string // what Count adds to
}

// Problem is something wrong with a configuration. Path is a JSON pointer: /values/2.
type Problem struct{ Path, Message string }

func (p Problem) Error() string { return p.Message }

type offered struct {
	Kind
	reasonBase uint16
	make       func(config string) (Policy, error)
}

var (
	kinds    []offered
	counters []string
	reasons  []string
)

// Export offers a policy. The configuration is decoded into a C as encoding/json does it; fields that C does not have are refused. Errors of
// configure that are a Problem, or several of them in errors.Join, tell where.
func Export[C any](kind Kind, configure func(config C) (Policy, error)) {
	if kind.Schema == "" {
		kind.Schema = "{}"
	}
	kinds = append(kinds, offered{kind, uint16(len(reasons)), func(text string) (Policy, error) {
		var config C
		decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&config); err != nil {
			return nil, err
		}
		return configure(config)
	}})
	reasons = append(reasons, kind.Reasons...)
	for _, name := range kind.Counters {
		if counter(name) < 0 {
			counters = append(counters, name)
		}
	}
}

// Level is how much a line of the log matters.
type Level = uint8

const (
	Debug Level = host.LevelDebug
	Info  Level = host.LevelInfo
	Warn  Level = host.LevelWarn
	Error Level = host.LevelError
)

// Log writes to the host's log, which cuts at 4 KiB and lets a bounded number of lines a second through.
func Log(level Level, format string, arguments ...any) {
	host.Log(level, fmt.Sprintf(format, arguments...))
}

// Count adds to one of the counters of Kind.Counters; a name that is not among them is ignored.
func Count(name string, delta uint32) {
	if id := counter(name); id >= 0 {
		host.CounterAdd(uint32(id), delta)
	}
}

func counter(name string) int {
	for id, known := range counters {
		if known == name {
			return id
		}
	}
	return -1
}

func init() {
	export.Plugin.Describe = describe
	export.Plugin.Configure = configure
}

func describe() sampling.Description {
	described := sampling.Description{Counters: counters, Reasons: reasons}
	for _, kind := range kinds {
		described.Kinds = append(described.Kinds, types.Kind{
			Name: kind.Name, Summary: kind.Summary, Schema: kind.Schema, StateSchema: kind.StateSchema,
		})
	}
	return described
}

func configure(name, config string) (export.Policy, []sampling.Diagnostic) {
	for _, kind := range kinds {
		if kind.Name != name {
			continue
		}
		policy, err := kind.make(config)
		if err != nil {
			return nil, diagnostics(err)
		}
		return &evaluator{policy: policy, needs: policy.Needs(), reasonBase: kind.reasonBase}, nil
	}
	return nil, diagnostics(fmt.Errorf("no kind %q here", name))
}

func diagnostics(err error) []sampling.Diagnostic {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []sampling.Diagnostic
		for _, err := range joined.Unwrap() {
			all = append(all, diagnostics(err)...)
		}
		return all
	}
	var problem Problem
	if errors.As(err, &problem) {
		return []sampling.Diagnostic{{Path: problem.Path, Message: problem.Message}}
	}
	var mistyped *json.UnmarshalTypeError
	if errors.As(err, &mistyped) && mistyped.Field != "" {
		return []sampling.Diagnostic{{Path: pointer(mistyped.Field), Message: err.Error()}}
	}
	return []sampling.Diagnostic{{Message: err.Error()}}
}

// pointer makes a JSON pointer of a path with dots.
func pointer(path string) string {
	return "/" + string(bytes.ReplaceAll([]byte(path), []byte("."), []byte("/")))
}

// evaluator is a Policy behind the contract.
type evaluator struct {
	policy     Policy
	needs      Needs
	reasonBase uint16
}

func (e *evaluator) Needs() sampling.Requirements {
	return sampling.Requirements{Fields: e.needs.fields, Attributes: e.needs.attributes}
}

func (e *evaluator) Evaluate(columns *sampling.Columns, bound, candidates []uint32) (sampling.Votes, error) {
	batch := &Batch{columns: columns, attributes: e.needs.attributes, bound: bound}
	votes := sampling.Votes{Verdicts: make([]uint8, 0, len(candidates))}
	if whole, ok := e.policy.(BatchPolicy); ok {
		verdicts, err := whole.EvaluateBatch(batch, candidates)
		for _, verdict := range verdicts {
			votes.Verdicts = append(votes.Verdicts, uint8(verdict))
		}
		return votes, err
	}
	explaining, explains := e.policy.(Explaining)
	for _, place := range candidates {
		votes.Verdicts = append(votes.Verdicts, uint8(e.policy.Evaluate(batch.Trace(place))))
		if explains {
			votes.Reasons = append(votes.Reasons, e.reasonBase+explaining.Reason())
		}
	}
	return votes, nil
}

func (e *evaluator) Save() []byte {
	if stateful, ok := e.policy.(Stateful); ok {
		return stateful.Save()
	}
	return nil
}

func (e *evaluator) Restore(state []byte) {
	if stateful, ok := e.policy.(Stateful); ok {
		stateful.Restore(state)
	}
}
