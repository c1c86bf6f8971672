// What a transform in C needs. Fill in a tr_transform, name it in TR_EXPORT_TRANSFORMS, build with `tailrace plugin build` (plugin.yaml says
// `kind: transform`). wire.h finds and edits fields of requests.
//
// A transform has no clock, no randomness, no files and no network. What it makes of a request may depend on its configuration and the request
// alone: a host runs several instances side by side, and makes a new one whenever it sees fit. A trap (also __builtin_trap, abort) costs the
// request its answer. transforms/ is generated, or works behind this, and need not be read.
#pragma once

#include "common.h"
#include "wire.h"

typedef enum { TR_TRACES, TR_METRICS, TR_LOGS } tr_signal;

typedef struct {
  const char *kind;    // as in configurations: snake_case
  const char *summary; // one sentence
  const char *schema;  // JSON Schema (2020-12) of the configuration
  // Makes a transform. After tr_problem the result is not used.
  void *(*configure)(tr_str config, tr_problems *problems);
  // What becomes of an OTLP export request, in protobuf; another one is put into `replacement`. An error, a text that stays, tells the host that
  // there is no answer to this request, and never will be.
  tr_outcome (*apply)(void *self, tr_signal signal, tr_str request, tr_buffer *replacement, const char **error);
  // May be NULL.
  void (*drop)(void *self);
} tr_transform;

// Asks `visit` about the attributes of resources, scopes, spans, their events and links, data points, and log records: each is a KeyValue
// {1: key, 2: AnyValue {1: string ...}}. Those inside maps are part of their value.
tr_outcome tr_edit_attributes(tr_signal signal, tr_str request, tr_visit visit, void *self, tr_buffer *edited);

// What the plugin offers; defined by TR_EXPORT_TRANSFORMS.
extern const tr_transform *const tr_transforms[];
extern const size_t tr_transforms_len;
#define TR_EXPORT_TRANSFORMS(...) \
  const tr_transform *const tr_transforms[] = {__VA_ARGS__}; \
  const size_t tr_transforms_len = sizeof(tr_transforms) / sizeof(tr_transforms[0])
