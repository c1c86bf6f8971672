// Package tailrace is what a sampling policy in Go needs: implement [Policy], name it with [Export] in an init function, and build with
// `tailrace plugin build`.
//
// A policy has no clock, no randomness, no files and no network: [Batch.Now] is the tick's time. That is why a recording evaluates to the same
// decisions. A panic costs the policy its vote.
package tailrace

import (
	"encoding/binary"

	"tailrace/internal/common"
	_ "tailrace/internal/exports"
	sampling "tailrace/internal/sampling"
	export "tailrace/internal/sampling_export"
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

// BatchPolicy is a policy that wants the arrays, or says why: it is asked for all votes at once, one per candidate, a place in the batch each. An
// error costs all of them. It is named with [ExportBatch].
type BatchPolicy interface {
	Needs() Needs
	EvaluateBatch(batch *Batch, candidates []uint32, votes *Votes) error
}

// Votes are those on a batch's candidates, in their order.
type Votes struct {
	cast       sampling.Votes
	reasonBase uint16
}

// Push is the vote on the next candidate.
func (v *Votes) Push(verdict Verdict) { v.cast.Verdicts = append(v.cast.Verdicts, uint8(verdict)) }

// PushBecause is the same with its reason, a place in Kind.Reasons. A policy gives reasons for all votes of a batch or for none.
func (v *Votes) PushBecause(verdict Verdict, reason uint16) {
	v.Push(verdict)
	v.cast.Reasons = append(v.cast.Reasons, v.reasonBase+reason)
}

// Threshold is the sampling threshold (th in a W3C trace state) that the vote just pushed amounts to: the low 56 bits. For all votes of a batch
// or for none.
func (v *Votes) Threshold(threshold uint64) {
	v.cast.Thresholds = append(v.cast.Thresholds, binary.BigEndian.AppendUint64(nil, threshold)[1:]...)
}

// Stateful is a Policy whose state survives a swap of the plugin, or a trap. Save is called after each batch: keep it small.
type Stateful interface {
	Save() []byte
	Restore(state []byte)
}

// Kind is what listings and the host know of a policy.
type Kind struct {
	Name        string   // as in configurations: snake_case
	Summary     string   // one sentence
	Schema      string   // JSON Schema (2020-12) of the configuration
	StateSchema string   // names the form of what Save returns; empty: no state
	Reasons     []string // why it votes as it does: what Votes.PushBecause refers to
	Counters    []string // what Count adds to
}

// Problem is something wrong with a configuration. Path is a JSON pointer: /values/2.
type Problem = common.Problem

var kinds common.Kinds[BatchPolicy]

// Export offers a policy. The configuration is decoded into a C as encoding/json does it; fields that C does not have are refused. Errors of
// configure that are a Problem, or several of them in errors.Join, tell where.
func Export[C any](kind Kind, configure func(config C) (Policy, error)) {
	ExportBatch(kind, func(config C) (BatchPolicy, error) {
		policy, err := configure(config)
		return oneByOne{policy}, err
	})
}

// ExportBatch is Export for a BatchPolicy.
func ExportBatch[C any](kind Kind, configure func(config C) (BatchPolicy, error)) {
	common.Offer(&kinds, common.Kind(kind), configure)
}

// oneByOne asks a Policy about each candidate.
type oneByOne struct{ Policy }

func (p oneByOne) EvaluateBatch(batch *Batch, candidates []uint32, votes *Votes) error {
	for _, place := range candidates {
		votes.Push(p.Evaluate(batch.Trace(place)))
	}
	return nil
}

// Level is how much a line of the log matters.
type Level = common.Level

const (
	Debug Level = common.Debug
	Info  Level = common.Info
	Warn  Level = common.Warn
	Error Level = common.Error
)

// Log writes to the host's log, which cuts at 4 KiB and lets a bounded number of lines a second through.
func Log(level Level, format string, arguments ...any) { common.Log(level, format, arguments...) }

// Count adds to one of the counters of Kind.Counters; a name that is not among them is ignored.
func Count(name string, delta uint32) { common.Count(name, delta) }

func init() {
	export.Plugin.Describe = kinds.Describe
	export.Plugin.Configure = func(name, config string) (export.Policy, []common.Diagnostic) {
		policy, reasonBase, problems := kinds.Configure(name, config)
		if len(problems) > 0 {
			return nil, problems
		}
		return &evaluator{policy: policy, needs: policy.Needs(), reasonBase: reasonBase}, nil
	}
}

// evaluator is a policy behind the contract.
type evaluator struct {
	policy     BatchPolicy
	needs      Needs
	reasonBase uint16
}

func (e *evaluator) Needs() sampling.Requirements {
	return sampling.Requirements{Fields: e.needs.fields, Attributes: e.needs.attributes}
}

func (e *evaluator) Evaluate(columns *sampling.Columns, bound, candidates []uint32) (sampling.Votes, error) {
	batch := &Batch{columns: columns, attributes: e.needs.attributes, bound: bound}
	votes := Votes{reasonBase: e.reasonBase}
	votes.cast.Verdicts = make([]uint8, 0, len(candidates))
	err := e.policy.EvaluateBatch(batch, candidates, &votes)
	return votes.cast, err
}

func (e *evaluator) Save() []byte {
	if stateful, ok := e.stateful(); ok {
		return stateful.Save()
	}
	return nil
}

func (e *evaluator) Restore(state []byte) {
	if stateful, ok := e.stateful(); ok {
		stateful.Restore(state)
	}
}

func (e *evaluator) stateful() (Stateful, bool) {
	var policy any = e.policy
	if one, ok := policy.(oneByOne); ok {
		policy = one.Policy
	}
	stateful, ok := policy.(Stateful)
	return stateful, ok
}
