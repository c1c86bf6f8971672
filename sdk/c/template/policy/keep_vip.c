// Keeps every trace in which a span has the customer.tier of the configuration.
#include "tailrace.h"

#include <stdlib.h>

typedef struct {
  tr_str tier;
  uint32_t attribute; // its place among the columns
} policy;

// What stands in YAML below `config:` comes as JSON.
static void *configure(tr_str config, tr_problems *problems) {
  policy *self = calloc(1, sizeof *self);
  if (!tr_json_string(tr_json_get(config, "tier"), &self->tier) || self->tier.len == 0)
    tr_problem(problems, "/tier", "must be a string that is not empty");
  return self;
}

// The columns that evaluate looks at; others are empty.
static void needs(void *data, tr_needs *needs) {
  policy *self = data;
  self->attribute = tr_need(needs, TR_SPAN, "customer.tier");
}

static tr_verdict evaluate(void *data, const tr_batch *batch, uint32_t trace) {
  const policy *self = data;
  for (uint32_t span = tr_first(batch, trace); span < tr_end(batch, trace); span++) {
    tr_value tier = tr_attribute(batch, span, self->attribute);
    if (tier.type == TR_STRING && tr_equal(tier.text, self->tier)) return TR_SAMPLE;
  }
  return TR_NO;
}

static const tr_policy keep_vip = {
    .kind = "keep_vip",
    .summary = "Keeps traces of customers of one tier.",
    .schema = "{\"type\": \"object\", \"properties\": {\"tier\": {\"type\": \"string\", \"minLength\": 1}},"
              " \"required\": [\"tier\"], \"additionalProperties\": false}",
    .configure = configure,
    .needs = needs,
    .evaluate = evaluate,
    .drop = free,
};

TR_EXPORT(&keep_vip);
