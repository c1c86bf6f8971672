// What a sampling policy in C needs. Fill in a tr_policy, name it in TR_EXPORT, build with `tailrace plugin build`.
//
// A policy has no clock, no randomness, no files and no network: tr_batch.now is the tick's time. That is why a recording evaluates to the same
// decisions. A trap (also __builtin_trap, abort) costs the policy its vote. sampler/ is generated, or works behind this, and need not be read.
#pragma once

#include "common.h"
#include "sampler/sampler.h"

// --- votes

typedef enum {
  TR_NO = 0,     // no opinion: other policies may keep the trace
  TR_SAMPLE = 1, // keep it
  TR_DROP = 2,   // throw it away, whatever other policies say
} tr_verdict;

// The votes on a batch's candidates, in their order.
typedef struct tr_votes tr_votes;
void tr_push(tr_votes *votes, tr_verdict verdict);
// The same with its reason, a place in the policy's reasons. A policy gives reasons for all votes of a batch or for none.
void tr_push_because(tr_votes *votes, tr_verdict verdict, uint16_t reason);
// The sampling threshold (th in a W3C trace state) that the vote just pushed amounts to: the low 56 bits. For all votes of a batch or for none.
void tr_threshold(tr_votes *votes, uint64_t threshold);

// --- the batch: the traces of one tick, as columns. What was not asked for is empty.

typedef exports_tailrace_plugin_sampling_columns_t tr_columns;

typedef struct {
  const tr_columns *columns;
  const uint32_t *bound; // which of columns->attributes hold what the policy asked for
  size_t bound_len;
} tr_batch;

typedef enum { TR_RESOURCE, TR_INSTRUMENTATION, TR_SPAN, TR_EVENT, TR_LINK } tr_scope;

enum {
  TR_FIELD_STATUS = 1, TR_FIELD_KIND = 2, TR_FIELD_START = 4, TR_FIELD_DURATION = 8,
  TR_FIELD_NAME = 16, TR_FIELD_PARENT = 32, TR_FIELD_TRACE_STATE = 64,
  TR_FIELD_OTLP = 128, // each trace whole, as TracesData; costs twenty times a column
};

// The columns that a policy looks at. Figures of the whole trace need none.
typedef struct tr_needs tr_needs;
void tr_need_fields(tr_needs *needs, uint8_t fields);
// Gives the attribute's place: 0 for the first call, 1 for the next ...
uint32_t tr_need(tr_needs *needs, tr_scope scope, const char *key);

typedef enum { TR_ABSENT, TR_STRING, TR_INT, TR_DOUBLE, TR_BOOL, TR_BYTES, TR_JSON } tr_type;
typedef struct {
  tr_type type;
  union { tr_str text; int64_t integer; double number; bool boolean; }; // text: strings, bytes and JSON
} tr_value;

// What a code of a column stands for. Equal values of one batch have equal codes: compare codes where you can.
tr_value tr_value_of(const tr_batch *batch, uint32_t code);

#define TR_AT(column, place) ((place) < (column).len ? (column).ptr[place] : 0)

// A trace is its place in the batch, a span too: for (uint32_t span = tr_first(batch, trace); span < tr_end(batch, trace); span++)
static inline uint32_t tr_first(const tr_batch *b, uint32_t trace) { return TR_AT(b->columns->span_offsets, trace); }
static inline uint32_t tr_end(const tr_batch *b, uint32_t trace) { return TR_AT(b->columns->span_offsets, trace + 1); }

// 16 bytes.
static inline const uint8_t *tr_id(const tr_batch *b, uint32_t trace) { return b->columns->trace_ids.ptr + 16 * trace; }
// Nanoseconds; starts are relative to tr_now.
static inline uint64_t tr_now(const tr_batch *b) { return b->columns->now; }
static inline int64_t tr_start(const tr_batch *b, uint32_t trace) { return TR_AT(b->columns->start, trace); }
static inline uint64_t tr_duration(const tr_batch *b, uint32_t trace) { return TR_AT(b->columns->duration, trace); }
static inline uint32_t tr_size(const tr_batch *b, uint32_t trace) { return TR_AT(b->columns->size, trace); }
static inline uint32_t tr_span_count(const tr_batch *b, uint32_t trace) { return TR_AT(b->columns->span_count, trace); }
enum { TR_SEEN_UNSET = 1, TR_SEEN_OK = 2, TR_SEEN_ERROR = 4, TR_SEEN_ROOT = 8, TR_SEEN_SAMPLED_FLAG = 16 };
static inline uint8_t tr_seen(const tr_batch *b, uint32_t trace) { return TR_AT(b->columns->seen, trace); }
static inline tr_str tr_otlp(const tr_batch *b, uint32_t trace) {
  uint32_t from = TR_AT(b->columns->otlp_offsets, trace), to = TR_AT(b->columns->otlp_offsets, trace + 1);
  return (tr_str){(const char *)b->columns->otlp.ptr + from, to - from};
}

// 0 unset, 1 ok, 2 error
static inline uint8_t tr_span_status(const tr_batch *b, uint32_t span) { return TR_AT(b->columns->span_status, span); }
// 1 internal, 2 server, 3 client, 4 producer, 5 consumer
static inline uint8_t tr_span_kind(const tr_batch *b, uint32_t span) { return TR_AT(b->columns->span_kind, span); }
static inline int64_t tr_span_start(const tr_batch *b, uint32_t span) { return TR_AT(b->columns->span_start, span); }
static inline uint64_t tr_span_duration(const tr_batch *b, uint32_t span) { return TR_AT(b->columns->span_duration, span); }
static inline tr_str tr_span_name(const tr_batch *b, uint32_t span) { return tr_value_of(b, TR_AT(b->columns->span_name, span)).text; }
static inline tr_str tr_span_trace_state(const tr_batch *b, uint32_t span) { return tr_value_of(b, TR_AT(b->columns->span_trace_state, span)).text; }
// Its parent's place + 1; 0: not in the batch.
static inline uint32_t tr_span_parent(const tr_batch *b, uint32_t span) { return TR_AT(b->columns->span_parent, span); }

// The codes of the attribute at a place that tr_need gave: one per span; per event or link for those scopes, where span s has
// those from TR_AT(columns->event_offsets, s) to TR_AT(columns->event_offsets, s + 1).
static inline sampler_list_u32_t tr_column(const tr_batch *b, uint32_t place) {
  if (place >= b->bound_len || b->bound[place] >= b->columns->attributes.len) return (sampler_list_u32_t){0};
  return b->columns->attributes.ptr[b->bound[place]].codes;
}
static inline tr_value tr_attribute(const tr_batch *b, uint32_t span, uint32_t place) {
  sampler_list_u32_t codes = tr_column(b, place);
  return tr_value_of(b, TR_AT(codes, span));
}

// --- the policy

typedef struct {
  const char *kind;         // as in configurations: snake_case
  const char *summary;      // one sentence
  const char *schema;       // JSON Schema (2020-12) of the configuration
  const char *state_schema; // names the form of the state that save gives; NULL: none
  // Makes a policy. After tr_problem the result is not used.
  void *(*configure)(tr_str config, tr_problems *problems);
  void (*needs)(void *self, tr_needs *needs);
  tr_verdict (*evaluate)(void *self, const tr_batch *batch, uint32_t trace);
  // The rest may be NULL.
  // Instead of evaluate: all candidates at once, one vote each, with reasons and thresholds. Returns an error, or NULL.
  const char *(*evaluate_batch)(void *self, const tr_batch *batch, const uint32_t *candidates, size_t count, tr_votes *votes);
  // Why it votes as it does: what tr_push_because refers to. Ends with NULL.
  const char *const *reasons;
  // What is to survive a swap of the plugin or a trap; asked after each batch. False: nothing.
  bool (*save)(void *self, tr_str *state);
  void (*restore)(void *self, tr_str state);
  void (*drop)(void *self);
} tr_policy;

// What the plugin offers; defined by TR_EXPORT.
extern const tr_policy *const tr_policies[];
extern const size_t tr_policies_len;
#define TR_EXPORT(...) \
  const tr_policy *const tr_policies[] = {__VA_ARGS__}; \
  const size_t tr_policies_len = sizeof(tr_policies) / sizeof(tr_policies[0])
