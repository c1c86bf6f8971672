// The contract's side of tailrace.h.
#include "../tailrace.h"

#include <stdlib.h>

typedef exports_tailrace_plugin_sampling_attribute_t attribute;

struct tr_needs {
  uint8_t fields;
  attribute *attributes;
  size_t len;
};

struct tr_votes {
  exports_tailrace_plugin_sampling_votes_t cast;
  size_t candidates;
  uint16_t reason_base;
};

struct exports_tailrace_plugin_sampling_evaluator_t {
  const tr_policy *policy;
  void *self;
  sampler_list_u32_t bound;
  uint16_t reason_base; // the place of the policy's first reason among those of all
};

typedef exports_tailrace_plugin_sampling_evaluator_t evaluator;

// The batch that all evaluators look at.
static tr_columns batch;

static sampler_string_t copy(const char *text) {
  sampler_string_t result;
  sampler_string_dup(&result, text == NULL ? "" : text);
  return result;
}

void tr_need_fields(tr_needs *needs, uint8_t fields) { needs->fields |= fields; }

uint32_t tr_need(tr_needs *needs, tr_scope scope, const char *key) {
  needs->attributes = tr_grow(needs->attributes, (needs->len + 1) * sizeof(attribute));
  needs->attributes[needs->len] = (attribute){scope, copy(key)};
  return needs->len++;
}

static tr_str string_at(const tr_batch *b, uint32_t index) {
  const sampler_list_u32_t offsets = b->columns->dictionary.string_offsets;
  if (index + 1 >= offsets.len) return (tr_str){"", 0};
  const char *pool = (const char *)b->columns->dictionary.string_pool.ptr;
  return (tr_str){pool + offsets.ptr[index], offsets.ptr[index + 1] - offsets.ptr[index]};
}

tr_value tr_value_of(const tr_batch *b, uint32_t code) {
  uint32_t index = code & 0x0fffffff;
  tr_value value = {.type = code >> 28, .text = {"", 0}};
  switch (value.type) {
  case TR_STRING: case TR_BYTES: case TR_JSON: value.text = string_at(b, index); break;
  case TR_INT: value.integer = TR_AT(b->columns->dictionary.ints, index); break;
  case TR_DOUBLE: value.number = TR_AT(b->columns->dictionary.doubles, index); break;
  case TR_BOOL: value.boolean = index != 0; break;
  default: value.type = TR_ABSENT;
  }
  return value;
}

// --- votes

// More of them than candidates are no answer.
static bool has_room(const tr_votes *votes, size_t len) { return len < votes->candidates; }

void tr_push(tr_votes *votes, tr_verdict verdict) {
  sampler_list_u8_t *verdicts = &votes->cast.verdicts;
  if (!has_room(votes, verdicts->len)) __builtin_trap();
  verdicts->ptr[verdicts->len++] = verdict;
}

void tr_push_because(tr_votes *votes, tr_verdict verdict, uint16_t reason) {
  tr_push(votes, verdict);
  if (votes->cast.reasons.ptr == NULL) votes->cast.reasons.ptr = tr_grow(NULL, votes->candidates * sizeof(uint16_t));
  votes->cast.reasons.ptr[votes->cast.reasons.len++] = votes->reason_base + reason;
}

void tr_threshold(tr_votes *votes, uint64_t threshold) {
  sampler_list_u8_t *thresholds = &votes->cast.thresholds;
  if (!has_room(votes, thresholds->len / 7)) __builtin_trap();
  if (thresholds->ptr == NULL) thresholds->ptr = tr_grow(NULL, votes->candidates * 7);
  for (int shift = 48; shift >= 0; shift -= 8) thresholds->ptr[thresholds->len++] = threshold >> shift;
}

static size_t reasons_len(const tr_policy *policy) {
  size_t len = 0;
  while (policy->reasons && policy->reasons[len]) len++;
  return len;
}

// --- the exports

void exports_tailrace_plugin_sampling_describe(exports_tailrace_plugin_sampling_description_t *ret) {
  memset(ret, 0, sizeof *ret);
  ret->kinds.len = tr_policies_len;
  ret->kinds.ptr = tr_grow(NULL, tr_policies_len * sizeof *ret->kinds.ptr);
  for (size_t i = 0; i < tr_policies_len; i++) {
    const tr_policy *policy = tr_policies[i];
    ret->kinds.ptr[i] = (tailrace_plugin_types_kind_t){
        copy(policy->kind), copy(policy->summary), copy(policy->schema ? policy->schema : "{}"), copy(policy->state_schema)};
  }
  ret->counters.len = tr_counters_len;
  ret->counters.ptr = tr_grow(NULL, tr_counters_len * sizeof *ret->counters.ptr);
  for (size_t i = 0; i < tr_counters_len; i++) ret->counters.ptr[i] = copy(tr_counters[i]);
  size_t reasons = 0;
  for (size_t i = 0; i < tr_policies_len; i++) reasons += reasons_len(tr_policies[i]);
  ret->reasons.ptr = tr_grow(NULL, reasons * sizeof *ret->reasons.ptr);
  for (size_t i = 0; i < tr_policies_len; i++)
    for (size_t k = 0; k < reasons_len(tr_policies[i]); k++) ret->reasons.ptr[ret->reasons.len++] = copy(tr_policies[i]->reasons[k]);
}

static const tr_policy *find(sampler_string_t *kind, uint16_t *reason_base) {
  for (size_t i = 0; i < tr_policies_len; i++) {
    if (tr_equal(tr_cstr(tr_policies[i]->kind), (tr_str){(const char *)kind->ptr, kind->len})) return tr_policies[i];
    *reason_base += reasons_len(tr_policies[i]);
  }
  return NULL;
}

static void report(tr_problems *problems, exports_tailrace_plugin_sampling_list_diagnostic_t *err) {
  err->ptr = tr_grow(NULL, problems->len * sizeof *err->ptr);
  err->len = problems->len;
  for (size_t i = 0; i < problems->len; i++) {
    tr_str path = problems->list[i].path, message = problems->list[i].message;
    err->ptr[i] = (tailrace_plugin_types_diagnostic_t){{(uint8_t *)path.ptr, path.len}, {(uint8_t *)message.ptr, message.len}};
  }
  free(problems->list);
}

bool exports_tailrace_plugin_sampling_configure(sampler_string_t *kind, sampler_string_t *config,
                                                exports_tailrace_plugin_sampling_own_evaluator_t *ret,
                                                exports_tailrace_plugin_sampling_list_diagnostic_t *err) {
  tr_problems problems = {0};
  uint16_t reason_base = 0;
  const tr_policy *policy = find(kind, &reason_base);
  void *self = NULL;
  if (policy == NULL) tr_problem(&problems, "", "no such kind here");
  else self = policy->configure((tr_str){(const char *)config->ptr, config->len}, &problems);
  sampler_string_free(kind);
  sampler_string_free(config);
  if (problems.len > 0) {
    report(&problems, err);
    return false;
  }
  evaluator *made = tr_grow(NULL, sizeof *made);
  *made = (evaluator){policy, self, {0}, reason_base};
  *ret = exports_tailrace_plugin_sampling_evaluator_new(made);
  return true;
}

void exports_tailrace_plugin_sampling_evaluator_destructor(evaluator *e) {
  if (e->policy->drop) e->policy->drop(e->self);
  sampler_list_u32_free(&e->bound);
  free(e);
}

void exports_tailrace_plugin_sampling_load(tr_columns *columns) {
  exports_tailrace_plugin_sampling_columns_free(&batch);
  batch = *columns;
}

void exports_tailrace_plugin_sampling_method_evaluator_needs(evaluator *e, exports_tailrace_plugin_sampling_requirements_t *ret) {
  tr_needs needs = {0};
  if (e->policy->needs) e->policy->needs(e->self, &needs);
  ret->fields = needs.fields;
  ret->attributes.ptr = needs.attributes;
  ret->attributes.len = needs.len;
}

void exports_tailrace_plugin_sampling_method_evaluator_bind(evaluator *e, sampler_list_u32_t *attributes) {
  sampler_list_u32_free(&e->bound);
  e->bound = *attributes;
}

bool exports_tailrace_plugin_sampling_method_evaluator_evaluate(evaluator *e, sampler_list_u32_t *candidates,
                                                                exports_tailrace_plugin_sampling_votes_t *ret, sampler_string_t *err) {
  tr_batch view = {&batch, e->bound.ptr, e->bound.len};
  tr_votes votes = {.candidates = candidates->len, .reason_base = e->reason_base};
  votes.cast.verdicts.ptr = tr_grow(NULL, candidates->len);
  const char *error = NULL;
  if (e->policy->evaluate_batch) {
    error = e->policy->evaluate_batch(e->self, &view, candidates->ptr, candidates->len, &votes);
  } else {
    for (size_t i = 0; i < candidates->len; i++) tr_push(&votes, e->policy->evaluate(e->self, &view, candidates->ptr[i]));
  }
  sampler_list_u32_free(candidates);
  *ret = votes.cast;
  if (error == NULL) return true;
  exports_tailrace_plugin_sampling_votes_free(ret);
  *err = copy(error);
  return false;
}

bool exports_tailrace_plugin_sampling_method_evaluator_save(evaluator *e, sampler_list_u8_t *ret) {
  tr_str state;
  if (e->policy->save == NULL || !e->policy->save(e->self, &state)) return false;
  ret->ptr = (uint8_t *)tr_keep(state); // the bindings free it
  ret->len = state.len;
  return true;
}

void exports_tailrace_plugin_sampling_method_evaluator_restore(evaluator *e, sampler_list_u8_t *state) {
  if (e->policy->restore) e->policy->restore(e->self, (tr_str){(const char *)state->ptr, state->len});
  sampler_list_u8_free(state);
}
