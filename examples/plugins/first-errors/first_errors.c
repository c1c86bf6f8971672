// Keeps the first failed traces of a service, and a share of those after them.
#include "tailrace.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct {
  tr_str service;
  uint32_t limit, kept;
  uint64_t threshold;    // past the limit, traces are kept whose randomness is not below it
  uint32_t service_name; // the attribute's place
} policy;

const char *const tr_counters[] = {"first_errors_kept"};
const size_t tr_counters_len = 1;

enum { NOT_OURS, FIRST, IN_SHARE, PAST_LIMIT };
static const char *const reasons[] = {"no failed span of the service", "among the first", "in the share of the rest", "past the limit", NULL};

static const uint64_t max_threshold = (1ull << 56) - 1;

static void *configure(tr_str config, tr_problems *problems) {
  policy *self = calloc(1, sizeof *self);
  if (!tr_json_string(tr_json_get(config, "service"), &self->service)) tr_problem(problems, "/service", "must be a string");
  double limit = 0, share = 0;
  if (!tr_json_number(tr_json_get(config, "limit"), &limit) || limit < 1 || limit > UINT32_MAX)
    tr_problem(problems, "/limit", "must be at least 1");
  else self->limit = limit;
  tr_str given = tr_json_get(config, "share");
  if (given.len > 0 && (!tr_json_number(given, &share) || share < 0 || share > 1)) tr_problem(problems, "/share", "must be from 0 to 1");
  else self->threshold = share > 0 ? (uint64_t)((1 - share) * (1ull << 56)) : max_threshold;
  return self;
}

static void needs(void *data, tr_needs *needs) {
  policy *self = data;
  tr_need_fields(needs, TR_FIELD_STATUS | TR_FIELD_NAME);
  self->service_name = tr_need(needs, TR_RESOURCE, "service.name");
}

static void keep_first(policy *self, const tr_batch *batch, uint32_t span) {
  tr_count(0, 1);
  if (++self->kept != self->limit) return;
  char line[256];
  tr_str name = tr_span_name(batch, span);
  snprintf(line, sizeof line, "the last one is in %.*s", (int)name.len, name.ptr);
  tr_log(TR_INFO, line);
}

// The id's last 56 bits are random.
static uint64_t randomness(const uint8_t *id) {
  uint64_t bits = 0;
  for (int i = 9; i < 16; i++) bits = bits << 8 | id[i];
  return bits;
}

// Why it is kept or not, and the share that this amounts to.
static uint16_t vote(policy *self, const tr_batch *batch, uint32_t trace, uint64_t *threshold) {
  for (uint32_t span = tr_first(batch, trace); span < tr_end(batch, trace); span++) {
    tr_value service = tr_attribute(batch, span, self->service_name);
    if (tr_span_status(batch, span) != 2 || service.type != TR_STRING || !tr_equal(service.text, self->service)) continue;
    if (self->kept < self->limit) {
      keep_first(self, batch, span);
      *threshold = 0;
      return FIRST;
    }
    *threshold = self->threshold;
    return randomness(tr_id(batch, trace)) >= self->threshold ? IN_SHARE : PAST_LIMIT;
  }
  *threshold = max_threshold;
  return NOT_OURS;
}

static const char *evaluate_batch(void *self, const tr_batch *batch, const uint32_t *candidates, size_t count, tr_votes *votes) {
  for (size_t i = 0; i < count; i++) {
    uint64_t threshold;
    uint16_t reason = vote(self, batch, candidates[i], &threshold);
    tr_push_because(votes, reason == FIRST || reason == IN_SHARE ? TR_SAMPLE : TR_NO, reason);
    tr_threshold(votes, threshold);
  }
  return NULL;
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
    .summary = "Keeps the first failed traces of a service, and a share of those after them.",
    .state_schema = "kept:u32le",
    .reasons = reasons,
    .configure = configure,
    .needs = needs,
    .evaluate_batch = evaluate_batch,
    .save = save,
    .restore = restore,
    .drop = free,
};

TR_EXPORT(&first_errors);
