// Protobuf's wire format, as far as a transform needs it: finds fields of a message, and edits those inside it where they lie; what is not
// touched is copied as it is. Numbers of fields are those in https://github.com/open-telemetry/opentelemetry-proto. What is no message is a
// trap: the host has checked the request.
#pragma once

#include "common.h"

// Bytes that are being written; {0} is an empty one. free(buffer.ptr) when it is not handed on.
typedef struct { char *ptr; size_t len, room; } tr_buffer;

void tr_append(tr_buffer *to, tr_str bytes);
// A field of bytes (a string's, or a message's), and an integer field.
void tr_put(tr_buffer *to, uint32_t number, tr_str bytes);
void tr_put_integer(tr_buffer *to, uint32_t number, uint64_t value);

typedef struct {
  uint32_t number;
  uint32_t type;    // 2: the value is `bytes` (of a string, bytes, a message), else `integer`: of a double, its bits
  tr_str bytes;
  uint64_t integer;
  tr_str whole;     // with tag and length
} tr_field;

// Takes a message's next field off its front. False: there is none.
bool tr_next(tr_str *message, tr_field *field);
// False: it is not there.
bool tr_find(tr_str message, uint32_t number, tr_field *field);
// A string field, empty if it is not there.
tr_str tr_text(tr_str message, uint32_t number);

// What becomes of a message.
typedef enum {
  TR_UNCHANGED,
  TR_REPLACED,  // by what was put into the buffer
  TR_DISCARDED, // it goes
} tr_outcome;

// Says what becomes of a message; may put another one into `replacement`.
typedef tr_outcome (*tr_visit)(void *self, tr_str message, tr_buffer *replacement);

// The way to messages inside a message: the number of the field at each step, then 0.
typedef const uint32_t tr_path[];
// The way to the spans, metrics or log records of a request: its resources, their scopes, the items of those.
extern tr_path tr_items;

// Asks `visit` about each message at the end of `path`. The message that comes of it is in `edited`, unless nothing changes.
tr_outcome tr_edit(tr_str message, const uint32_t *path, tr_visit visit, void *self, tr_buffer *edited);

// Takes out the spans, metrics or log records that `keep` does not want, and scopes and resources that have none left.
tr_outcome tr_retain(tr_str request, bool (*keep)(void *self, tr_str item), void *self, tr_buffer *edited);
