// Keeps the first failed traces of a service.
#include "tailrace.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct {
  tr_str service;
  uint32_t limit, kept;
  uint32_t service_name; // the attribute's place
} policy;

const char *const tr_counters[] = {"first_errors_kept"};
const size_t tr_counters_len = 1;

static void *configure(tr_str config, tr_problems *problems) {
  policy *self = calloc(1, sizeof *self);
  if (!tr_json_string(tr_json_get(config, "service"), &self->service)) tr_problem(problems, "/service", "must be a string");
  double limit = 0;
  if (!tr_json_number(tr_json_get(config, "limit"), &limit) || limit < 1 || limit > UINT32_MAX)
    tr_problem(problems, "/limit", "must be at least 1");
  else self->limit = limit;
  return self;
}

static void needs(void *data, tr_needs *needs) {
  policy *self = data;
  tr_need_fields(needs, TR_FIELD_STATUS | TR_FIELD_NAME);
  self->service_name = tr_need(needs, TR_RESOURCE, "service.name");
}

static tr_verdict keep(policy *self, const tr_batch *batch, uint32_t span) {
  tr_count(0, 1);
  if (++self->kept == self->limit) {
    char line[256];
    tr_str name = tr_span_name(batch, span);
    snprintf(line, sizeof line, "the last one is in %.*s", (int)name.len, name.ptr);
    tr_log(TR_INFO, line);
  }
  return TR_SAMPLE;
}

static tr_verdict evaluate(void *data, const tr_batch *batch, uint32_t trace) {
  policy *self = data;
  if (self->kept >= self->limit || !(tr_seen(batch, trace) & TR_SEEN_ERROR)) return TR_NO;
  for (uint32_t span = tr_first(batch, trace); span < tr_end(batch, trace); span++) {
    tr_value service = tr_attribute(batch, span, self->service_name);
    if (tr_span_status(batch, span) == 2 && service.type == TR_STRING && tr_equal(service.text, self->service))
      return keep(self, batch, span);
  }
  return TR_NO;
}

static bool save(void *data, tr_str *state) {
  policy *self = data;
  *state = (tr_str){(const char *)&self->kept, sizeof self->kept};
  return true;
}

static void restore(void *data, tr_str state) {
  policy *self = data;
  if (state.len == sizeof self->kept) memcpy(&self->kept, state.ptr, state.len);
}

static const tr_policy first_errors = {
    .kind = "first_errors",
    .summary = "Keeps the first failed traces of a service.",
    .state_schema = "kept:u32le",
    .configure = configure,
    .needs = needs,
    .evaluate = evaluate,
    .save = save,
    .restore = restore,
    .drop = free,
};

TR_EXPORT(&first_errors);
