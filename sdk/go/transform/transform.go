// Package transform is what a transform in Go needs: implement [Transform], name it with [Export] in an init function, and build with
// `tailrace plugin build` (plugin.yaml says `kind: transform`). Package wire finds and edits fields of requests.
//
// A transform has no clock, no randomness, no files and no network. What it makes of a request may depend on its configuration and the request
// alone: a host runs several instances side by side, and makes a new one whenever it sees fit. A panic costs the request its answer.
package transform

import (
	"tailrace/internal/common"
	generated "tailrace/internal/transform"
	export "tailrace/internal/transform_export"
	_ "tailrace/internal/transform_exports"
	"tailrace/wire"
)

// Signal is of what a request is.
type Signal = uint8

const (
	Traces  Signal = generated.SignalTraces
	Metrics Signal = generated.SignalMetrics
	Logs    Signal = generated.SignalLogs
)

// Transform is one configured transform, shown one OTLP request after the other.
type Transform interface {
	// Apply says what becomes of an export request, in protobuf. An error tells the host that there is no answer to this request, and never will be.
	Apply(signal Signal, request []byte) (Outcome, error)
}

// Outcome is what becomes of a request.
type Outcome struct{ generated generated.Outcome }

// Unchanged: it goes on as it is.
func Unchanged() Outcome { return Outcome{generated.MakeOutcomeUnchanged()} }

// Replaced: this request goes on in its place.
func Replaced(request []byte) Outcome { return Outcome{generated.MakeOutcomeReplaced(request)} }

// Discarded: nothing goes on.
func Discarded() Outcome { return Outcome{generated.MakeOutcomeDiscarded()} }

// Edited is the outcome of wire.Edit or wire.Retain: unchanged if they gave back what they were given, discarded if nothing is left.
func Edited(request, edited []byte) Outcome {
	switch {
	case wire.Same(request, edited):
		return Unchanged()
	case len(edited) == 0:
		return Discarded()
	}
	return Replaced(edited)
}

// The ways to attributes, by signal.
var attributes = [...][]wire.Path{
	Traces: {{1, 1, 1}, {1, 2, 1, 3}, {1, 2, 2, 9}, {1, 2, 2, 11, 3}, {1, 2, 2, 13, 4}},
	// Data points of gauges, sums, histograms, exponential histograms, summaries.
	Metrics: {{1, 1, 1}, {1, 2, 1, 3}, {1, 2, 2, 5, 1, 7}, {1, 2, 2, 7, 1, 7}, {1, 2, 2, 9, 1, 9}, {1, 2, 2, 10, 1, 1}, {1, 2, 2, 11, 1, 7}},
	Logs:    {{1, 1, 1}, {1, 2, 1, 3}, {1, 2, 2, 6}},
}

// EditAttributes is wire.Edit for the attributes of resources, scopes, spans, their events and links, data points, and log records: visit is shown
// each as a KeyValue {1: key, 2: AnyValue {1: string …}}. Those inside maps are part of their value.
func EditAttributes(signal Signal, request []byte, visit func([]byte) []byte) []byte {
	for _, path := range attributes[signal] {
		request = wire.Edit(request, path, visit)
	}
	return request
}

// Kind is what listings and the host know of a transform.
type Kind struct {
	Name     string // as in configurations: snake_case
	Summary  string // one sentence
	Schema   string // JSON Schema (2020-12) of the configuration
	Counters []string
}

// Problem is something wrong with a configuration. Path is a JSON pointer: /values/2.
type Problem = common.Problem

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

var kinds common.Kinds[Transform]

// Export offers a transform. The configuration is decoded into a C as encoding/json does it; fields that C does not have are refused. Errors of
// configure that are a Problem, or several of them in errors.Join, tell where.
func Export[C any](kind Kind, configure func(config C) (Transform, error)) {
	described := common.Kind{Name: kind.Name, Summary: kind.Summary, Schema: kind.Schema, Counters: kind.Counters}
	common.Offer(&kinds, described, configure)
}

func init() {
	export.Plugin.Describe = kinds.Describe
	export.Plugin.Configure = func(name, config string) (export.Transform, []common.Diagnostic) {
		transform, _, problems := kinds.Configure(name, config)
		return transformer{transform}, problems
	}
}

// transformer is a Transform behind the contract.
type transformer struct{ Transform }

func (t transformer) Apply(signal Signal, request []byte) (generated.Outcome, error) {
	outcome, err := t.Transform.Apply(signal, request)
	return outcome.generated, err
}
