#include "common.h"

#include <stdlib.h>

// Nobody has to define counters.
__attribute__((weak)) const char *const tr_counters[] = {NULL};
__attribute__((weak)) const size_t tr_counters_len = 0;

// Imported here and not by way of the bindings, since those of a world name their types after it.
__attribute__((import_module("tailrace:plugin/host@0.1.0"), import_name("log"))) void host_log(int32_t level, const char *text, size_t len);
__attribute__((import_module("tailrace:plugin/host@0.1.0"), import_name("counter-add"))) void host_counter_add(uint32_t id, uint32_t delta);

void tr_log(tr_level level, const char *message) { host_log(level, message, strlen(message)); }

void tr_count(uint32_t counter, uint32_t delta) { host_counter_add(counter, delta); }

void *tr_grow(void *old, size_t bytes) {
  void *memory = realloc(old, bytes);
  if (memory == NULL && bytes > 0) __builtin_trap();
  return memory;
}

char *tr_keep(tr_str text) {
  char *kept = tr_grow(NULL, text.len + 1);
  if (text.len > 0) memcpy(kept, text.ptr, text.len);
  kept[text.len] = 0;
  return kept;
}

bool tr_contains(tr_strs strings, tr_str string) {
  for (size_t i = 0; i < strings.len; i++)
    if (tr_equal(strings.ptr[i], string)) return true;
  return false;
}

void tr_problem(tr_problems *problems, const char *path, const char *message) {
  problems->list = tr_grow(problems->list, (problems->len + 1) * sizeof *problems->list);
  tr_str of = tr_cstr(path), what = tr_cstr(message);
  problems->list[problems->len++] = (struct tr_problem){{tr_keep(of), of.len}, {tr_keep(what), what.len}};
}
