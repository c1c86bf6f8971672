package export_tailrace_plugin_sampling

import (
	"runtime"

	sampling "tailrace/internal/sampling"
	wit "tailrace/internal/wit/types"
)

// Policy is a configured policy behind the contract.
type Policy interface {
	Needs() sampling.Requirements
	Evaluate(batch *sampling.Columns, bound []uint32, candidates []uint32) (sampling.Votes, error)
	Save() []byte
	Restore(state []byte)
}

// Plugin is what the SDK gives to the host; it is set before the first call.
var Plugin struct {
	Describe  func() sampling.Description
	Configure func(kind, config string) (Policy, []sampling.Diagnostic)
}

// The batch that all evaluators look at.
var batch sampling.Columns

// Evaluator is the resource of the contract.
type Evaluator struct {
	pinner runtime.Pinner
	handle int32
	policy Policy
	bound  []uint32
}

func Describe() sampling.Description { return Plugin.Describe() }

func Configure(kind string, config string) wit.Result[*Evaluator, []sampling.Diagnostic] {
	policy, problems := Plugin.Configure(kind, config)
	if len(problems) > 0 {
		return wit.Err[*Evaluator, []sampling.Diagnostic](problems)
	}
	return wit.Ok[*Evaluator, []sampling.Diagnostic](&Evaluator{policy: policy})
}

func Load(columns sampling.Columns) { batch = columns }

func (self *Evaluator) OnDrop() {}

func (self *Evaluator) Needs() sampling.Requirements { return self.policy.Needs() }

func (self *Evaluator) Bind(attributes []uint32) { self.bound = attributes }

func (self *Evaluator) Evaluate(candidates []uint32) wit.Result[sampling.Votes, string] {
	votes, err := self.policy.Evaluate(&batch, self.bound, candidates)
	if err != nil {
		return wit.Err[sampling.Votes, string](err.Error())
	}
	return wit.Ok[sampling.Votes, string](votes)
}

func (self *Evaluator) Save() wit.Option[[]uint8] {
	state := self.policy.Save()
	if state == nil {
		return wit.None[[]uint8]()
	}
	return wit.Some(state)
}

func (self *Evaluator) Restore(state []uint8) { self.policy.Restore(state) }
