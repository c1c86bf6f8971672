// The contract's side of tailrace.h.
#include "tailrace.h"

#include <stdlib.h>

// Nobody has to define counters.
__attribute__((weak)) const char *const tr_counters[] = {NULL};
__attribute__((weak)) const size_t tr_counters_len = 0;

typedef exports_tailrace_plugin_sampling_attribute_t attribute;

struct tr_needs {
  uint8_t fields;
  attribute *attributes;
  size_t len;
};

struct tr_problems {
  tailrace_plugin_types_diagnostic_t *ptr;
  size_t len;
};

struct exports_tailrace_plugin_sampling_evaluator_t {
  const tr_policy *policy;
  void *self;
  sampler_list_u32_t bound;
};

typedef exports_tailrace_plugin_sampling_evaluator_t evaluator;

// The batch that all evaluators look at.
static tr_columns batch;

// Memory runs out with a trap: the vote is lost, and the instance made again.
static void *grow(void *old, size_t bytes) {
  void *memory = realloc(old, bytes);
  if (memory == NULL && bytes > 0) __builtin_trap();
  return memory;
}

static sampler_string_t copy(const char *text) {
  sampler_string_t result;
  sampler_string_dup(&result, text == NULL ? "" : text);
  return result;
}

char *tr_keep(tr_str text) {
  char *kept = grow(NULL, text.len + 1);
  memcpy(kept, text.ptr, text.len);
  kept[text.len] = 0;
  return kept;
}

void tr_log(tr_level level, const char *message) {
  sampler_string_t text;
  sampler_string_set(&text, message);
  tailrace_plugin_host_log(level, &text);
}

void tr_problem(tr_problems *problems, const char *path, const char *message) {
  problems->ptr = grow(problems->ptr, (problems->len + 1) * sizeof *problems->ptr);
  problems->ptr[problems->len++] = (tailrace_plugin_types_diagnostic_t){copy(path), copy(message)};
}

void tr_need_fields(tr_needs *needs, uint8_t fields) { needs->fields |= fields; }

uint32_t tr_need(tr_needs *needs, tr_scope scope, const char *key) {
  needs->attributes = grow(needs->attributes, (needs->len + 1) * sizeof(attribute));
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

// --- the exports

void exports_tailrace_plugin_sampling_describe(exports_tailrace_plugin_sampling_description_t *ret) {
  memset(ret, 0, sizeof *ret);
  ret->kinds.len = tr_policies_len;
  ret->kinds.ptr = grow(NULL, tr_policies_len * sizeof *ret->kinds.ptr);
  for (size_t i = 0; i < tr_policies_len; i++) {
    const tr_policy *policy = tr_policies[i];
    ret->kinds.ptr[i] = (tailrace_plugin_types_kind_t){
        copy(policy->kind), copy(policy->summary), copy(policy->schema ? policy->schema : "{}"), copy(policy->state_schema)};
  }
  ret->counters.len = tr_counters_len;
  ret->counters.ptr = grow(NULL, tr_counters_len * sizeof *ret->counters.ptr);
  for (size_t i = 0; i < tr_counters_len; i++) ret->counters.ptr[i] = copy(tr_counters[i]);
}

static const tr_policy *find(sampler_string_t *kind) {
  for (size_t i = 0; i < tr_policies_len; i++)
    if (tr_equal(tr_cstr(tr_policies[i]->kind), (tr_str){(const char *)kind->ptr, kind->len})) return tr_policies[i];
  return NULL;
}

bool exports_tailrace_plugin_sampling_configure(sampler_string_t *kind, sampler_string_t *config,
                                                exports_tailrace_plugin_sampling_own_evaluator_t *ret,
                                                exports_tailrace_plugin_sampling_list_diagnostic_t *err) {
  tr_problems problems = {0};
  const tr_policy *policy = find(kind);
  void *self = NULL;
  if (policy == NULL) tr_problem(&problems, "", "no such kind here");
  else self = policy->configure((tr_str){(const char *)config->ptr, config->len}, &problems);
  sampler_string_free(kind);
  sampler_string_free(config);
  if (problems.len > 0) {
    err->ptr = problems.ptr;
    err->len = problems.len;
    return false;
  }
  evaluator *made = grow(NULL, sizeof *made);
  *made = (evaluator){policy, self, {0}};
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
  memset(ret, 0, sizeof *ret);
  tr_batch view = {&batch, e->bound.ptr, e->bound.len};
  uint8_t *verdicts = grow(NULL, candidates->len);
  const char *error = NULL;
  if (e->policy->evaluate_batch) {
    error = e->policy->evaluate_batch(e->self, &view, candidates->ptr, candidates->len, verdicts);
  } else {
    for (size_t i = 0; i < candidates->len; i++) verdicts[i] = e->policy->evaluate(e->self, &view, candidates->ptr[i]);
  }
  ret->verdicts = (sampler_list_u8_t){verdicts, candidates->len};
  sampler_list_u32_free(candidates);
  if (error == NULL) return true;
  sampler_list_u8_free(&ret->verdicts);
  *err = copy(error);
  return false;
}

bool exports_tailrace_plugin_sampling_method_evaluator_save(evaluator *e, sampler_list_u8_t *ret) {
  tr_str state;
  if (e->policy->save == NULL || !e->policy->save(e->self, &state)) return false;
  ret->ptr = (uint8_t *)tr_keep(state);
  ret->len = state.len;
  return true;
}

void exports_tailrace_plugin_sampling_method_evaluator_restore(evaluator *e, sampler_list_u8_t *state) {
  if (e->policy->restore) e->policy->restore(e->self, (tr_str){(const char *)state->ptr, state->len});
  sampler_list_u8_free(state);
}
