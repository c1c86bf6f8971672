// Package common is what policies and transforms have in common: the kinds that a plugin offers, its configuration, log and counters.
package common

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	host "tailrace/internal/host"
	types "tailrace/internal/types"
)

// Diagnostic is a Problem as the contract has it.
type Diagnostic = types.Diagnostic

// Problem is something wrong with a configuration. Path is a JSON pointer: /values/2.
type Problem struct{ Path, Message string }

func (p Problem) Error() string { return p.Message }

// Kind is what listings and the host know of a kind.
type Kind struct {
	Name, Summary, Schema, StateSchema string
	Reasons, Counters                  []string
}

// Kinds are those that a plugin offers, each making a P of its configuration.
type Kinds[P any] []offered[P]

type offered[P any] struct {
	Kind
	make func(config string) (P, error)
}

// Names of the counters, in the order that the host knows.
var counters []string

// Offer adds a kind.
func Offer[C, P any](kinds *Kinds[P], kind Kind, configure func(config C) (P, error)) {
	if kind.Schema == "" {
		kind.Schema = "{}"
	}
	*kinds = append(*kinds, offered[P]{kind, func(text string) (P, error) {
		var config C
		decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&config); err != nil {
			var none P
			return none, err
		}
		return configure(config)
	}})
	for _, name := range kind.Counters {
		if !slices.Contains(counters, name) {
			counters = append(counters, name)
		}
	}
}

// Describe is what the contract's describe gives.
func (kinds *Kinds[P]) Describe() types.Description {
	described := types.Description{Counters: counters}
	for _, kind := range *kinds {
		described.Reasons = append(described.Reasons, kind.Reasons...)
		described.Kinds = append(described.Kinds, types.Kind{
			Name: kind.Name, Summary: kind.Summary, Schema: kind.Schema, StateSchema: kind.StateSchema,
		})
	}
	return described
}

// Configure makes a P, and says where the reasons of its kind begin among those of all.
func (kinds *Kinds[P]) Configure(name, config string) (P, uint16, []Diagnostic) {
	reasonBase := 0
	for _, kind := range *kinds {
		if kind.Name == name {
			made, err := kind.make(config)
			return made, uint16(reasonBase), diagnostics(err)
		}
		reasonBase += len(kind.Reasons)
	}
	var none P
	return none, 0, diagnostics(fmt.Errorf("no kind %q here", name))
}

func diagnostics(err error) []Diagnostic {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []Diagnostic
		for _, err := range joined.Unwrap() {
			all = append(all, diagnostics(err)...)
		}
		return all
	}
	var problem Problem
	if errors.As(err, &problem) {
		return []Diagnostic{{Path: problem.Path, Message: problem.Message}}
	}
	var mistyped *json.UnmarshalTypeError
	if errors.As(err, &mistyped) && mistyped.Field != "" {
		return []Diagnostic{{Path: pointer(mistyped.Field), Message: err.Error()}}
	}
	return []Diagnostic{{Message: err.Error()}}
}

// pointer makes a JSON pointer of a path with dots.
func pointer(path string) string {
	return "/" + string(bytes.ReplaceAll([]byte(path), []byte("."), []byte("/")))
}

// Level is how much a line of the log matters.
type Level = uint8

const (
	Debug Level = host.LevelDebug
	Info  Level = host.LevelInfo
	Warn  Level = host.LevelWarn
	Error Level = host.LevelError
)

// Log writes to the host's log.
func Log(level Level, format string, arguments ...any) {
	host.Log(level, fmt.Sprintf(format, arguments...))
}

// Count adds to a counter; a name that no kind has is ignored.
func Count(name string, delta uint32) {
	if id := slices.Index(counters, name); id >= 0 {
		host.CounterAdd(uint32(id), delta)
	}
}
