// The contract's side of transform.h.
#include "../transform.h"

#include <stdlib.h>

#include "transforms.h"

struct exports_tailrace_plugin_transform_transformer_t {
  const tr_transform *transform;
  void *self;
};

typedef exports_tailrace_plugin_transform_transformer_t transformer;

static transforms_string_t copy(const char *text) {
  transforms_string_t result;
  transforms_string_dup(&result, text == NULL ? "" : text);
  return result;
}

void exports_tailrace_plugin_transform_describe(exports_tailrace_plugin_transform_description_t *ret) {
  memset(ret, 0, sizeof *ret);
  ret->kinds.len = tr_transforms_len;
  ret->kinds.ptr = tr_grow(NULL, tr_transforms_len * sizeof *ret->kinds.ptr);
  for (size_t i = 0; i < tr_transforms_len; i++) {
    const tr_transform *transform = tr_transforms[i];
    ret->kinds.ptr[i] = (tailrace_plugin_types_kind_t){
        copy(transform->kind), copy(transform->summary), copy(transform->schema ? transform->schema : "{}"), copy("")};
  }
  ret->counters.len = tr_counters_len;
  ret->counters.ptr = tr_grow(NULL, tr_counters_len * sizeof *ret->counters.ptr);
  for (size_t i = 0; i < tr_counters_len; i++) ret->counters.ptr[i] = copy(tr_counters[i]);
}

static const tr_transform *find(transforms_string_t *kind) {
  for (size_t i = 0; i < tr_transforms_len; i++)
    if (tr_equal(tr_cstr(tr_transforms[i]->kind), (tr_str){(const char *)kind->ptr, kind->len})) return tr_transforms[i];
  return NULL;
}

static void report(tr_problems *problems, exports_tailrace_plugin_transform_list_diagnostic_t *err) {
  err->ptr = tr_grow(NULL, problems->len * sizeof *err->ptr);
  err->len = problems->len;
  for (size_t i = 0; i < problems->len; i++) {
    tr_str path = problems->list[i].path, message = problems->list[i].message;
    err->ptr[i] = (tailrace_plugin_types_diagnostic_t){{(uint8_t *)path.ptr, path.len}, {(uint8_t *)message.ptr, message.len}};
  }
  free(problems->list);
}

bool exports_tailrace_plugin_transform_configure(transforms_string_t *kind, transforms_string_t *config,
                                                 exports_tailrace_plugin_transform_own_transformer_t *ret,
                                                 exports_tailrace_plugin_transform_list_diagnostic_t *err) {
  tr_problems problems = {0};
  const tr_transform *transform = find(kind);
  void *self = NULL;
  if (transform == NULL) tr_problem(&problems, "", "no such kind here");
  else self = transform->configure((tr_str){(const char *)config->ptr, config->len}, &problems);
  transforms_string_free(kind);
  transforms_string_free(config);
  if (problems.len > 0) {
    report(&problems, err);
    return false;
  }
  transformer *made = tr_grow(NULL, sizeof *made);
  *made = (transformer){transform, self};
  *ret = exports_tailrace_plugin_transform_transformer_new(made);
  return true;
}

void exports_tailrace_plugin_transform_transformer_destructor(transformer *t) {
  if (t->transform->drop) t->transform->drop(t->self);
  free(t);
}

bool exports_tailrace_plugin_transform_method_transformer_apply(transformer *t, exports_tailrace_plugin_transform_signal_t signal,
                                                                transforms_list_u8_t *request,
                                                                exports_tailrace_plugin_transform_outcome_t *ret, transforms_string_t *err) {
  tr_buffer replacement = {0};
  const char *error = NULL;
  tr_str bytes = {(const char *)request->ptr, request->len};
  ret->tag = t->transform->apply(t->self, signal, bytes, &replacement, &error);
  transforms_list_u8_free(request);
  if (error == NULL && ret->tag == TR_REPLACED && replacement.len > 0) {
    ret->val.replaced = (transforms_list_u8_t){(uint8_t *)replacement.ptr, replacement.len}; // the bindings free it
    return true;
  }
  free(replacement.ptr);
  if (error == NULL && ret->tag == TR_REPLACED) ret->tag = TR_DISCARDED;
  if (error != NULL) *err = copy(error);
  return error == NULL;
}

#define RESOURCE_AND_SCOPE {1, 1, 1, 0}, {1, 2, 1, 3, 0}
static const uint32_t of_traces[][7] = {RESOURCE_AND_SCOPE, {1, 2, 2, 9, 0}, {1, 2, 2, 11, 3, 0}, {1, 2, 2, 13, 4, 0}, {0}};
// Data points of gauges, sums, histograms, exponential histograms, summaries.
static const uint32_t of_metrics[][7] = {RESOURCE_AND_SCOPE,    {1, 2, 2, 5, 1, 7, 0},  {1, 2, 2, 7, 1, 7, 0}, {1, 2, 2, 9, 1, 9, 0},
                                         {1, 2, 2, 10, 1, 1, 0}, {1, 2, 2, 11, 1, 7, 0}, {0}};
static const uint32_t of_logs[][7] = {RESOURCE_AND_SCOPE, {1, 2, 2, 6, 0}, {0}};

tr_outcome tr_edit_attributes(tr_signal signal, tr_str request, tr_visit visit, void *self, tr_buffer *edited) {
  const uint32_t(*path)[7] = signal == TR_TRACES ? of_traces : signal == TR_METRICS ? of_metrics : of_logs;
  tr_outcome outcome = TR_UNCHANGED;
  for (; (*path)[0]; path++) {
    tr_buffer next = {0};
    if (tr_edit(request, *path, visit, self, &next) == TR_UNCHANGED) continue;
    free(edited->ptr);
    *edited = next;
    request = (tr_str){next.ptr, next.len};
    outcome = TR_REPLACED;
  }
  return outcome;
}
