package export_tailrace_plugin_transform

import (
	"runtime"

	transform "tailrace/internal/transform"
	wit "tailrace/internal/wit/types"
)

// Transform is a configured transform behind the contract.
type Transform interface {
	Apply(signal transform.Signal, request []byte) (transform.Outcome, error)
}

// Plugin is what the SDK gives to the host; it is set before the first call.
var Plugin struct {
	Describe  func() transform.Description
	Configure func(kind, config string) (Transform, []transform.Diagnostic)
}

// Transformer is the resource of the contract.
type Transformer struct {
	pinner    runtime.Pinner
	handle    int32
	transform Transform
}

func Describe() transform.Description { return Plugin.Describe() }

func Configure(kind string, config string) wit.Result[*Transformer, []transform.Diagnostic] {
	made, problems := Plugin.Configure(kind, config)
	if len(problems) > 0 {
		return wit.Err[*Transformer, []transform.Diagnostic](problems)
	}
	return wit.Ok[*Transformer, []transform.Diagnostic](&Transformer{transform: made})
}

func (self *Transformer) OnDrop() {}

func (self *Transformer) Apply(signal transform.Signal, request []uint8) wit.Result[transform.Outcome, string] {
	outcome, err := self.transform.Apply(signal, request)
	if err != nil {
		return wit.Err[transform.Outcome, string](err.Error())
	}
	return wit.Ok[transform.Outcome, string](outcome)
}
