// What policies (tailrace.h) and transforms (transform.h) have in common: text, configurations, the host's log, counters.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

// A piece of text, or of bytes; not terminated.
typedef struct { const char *ptr; size_t len; } tr_str;

static inline tr_str tr_cstr(const char *text) { return (tr_str){text, strlen(text)}; }
static inline bool tr_equal(tr_str a, tr_str b) { return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0); }
// A copy that is terminated and never freed: for configuration.
char *tr_keep(tr_str text);

// Several of them.
typedef struct { tr_str *ptr; size_t len; } tr_strs;
bool tr_contains(tr_strs strings, tr_str string);

// --- configuration: JSON

// The value of a key of the configuration's top level, as JSON; len 0 if it is not there.
tr_str tr_json_get(tr_str object, const char *key);
// What a JSON value is, if it is that. Strings are unescaped into memory that is never freed.
bool tr_json_string(tr_str json, tr_str *value);
bool tr_json_number(tr_str json, double *value);
bool tr_json_bool(tr_str json, bool *value);
bool tr_json_strings(tr_str json, tr_strs *values);
// Takes the next element off the front of a list. False: there is none, or it is no list.
bool tr_json_next(tr_str *list, tr_str *element);

// What is wrong with a configuration; path is a JSON pointer (/values/2). Both are copied.
typedef struct tr_problems tr_problems;
void tr_problem(tr_problems *problems, const char *path, const char *message);

// --- counters and the log

// Names of counters; define both if there are any: const char *const tr_counters[] = {"cached"}; const size_t tr_counters_len = 1;
extern const char *const tr_counters[];
extern const size_t tr_counters_len;
// Adds to the counter at a place of tr_counters.
void tr_count(uint32_t counter, uint32_t delta);

typedef enum { TR_DEBUG, TR_INFO, TR_WARN, TR_ERROR } tr_level;
// Writes to the host's log, which cuts at 4 KiB and lets a bounded number of lines a second through.
void tr_log(tr_level level, const char *message);

// --- for the SDK

// realloc that traps when memory runs out: the answer is lost, and the instance made again.
void *tr_grow(void *old, size_t bytes);

struct tr_problems {
  struct tr_problem { tr_str path, message; } *list;
  size_t len;
};
