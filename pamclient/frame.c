/* Messages as bytes: version, verb, then fields of a tag, a length of 16 bits
 * (big-endian) and a value, in ascending order of their tags. PROTOCOL.md is the
 * specification, and daemon/protocol the other side. */

#include "pamclient.h"

#include <stdlib.h>
#include <string.h>

enum { VERSION = 1, HEADER_SIZE = 2, FIELD_HEADER_SIZE = 3, FIELD_MAX = 65535 };

/* Writing. */

bool frame_begin(struct frame *frame, enum verb verb, size_t size)
{
	uint8_t *bytes = malloc(size);

	if (bytes == NULL)
		return false;
	bytes[0] = VERSION;
	bytes[1] = (uint8_t)verb;
	*frame = (struct frame){ .bytes = bytes, .length = HEADER_SIZE, .size = size };
	return true;
}

void frame_cut(struct frame *frame, size_t length)
{
	if (length >= frame->length)
		return;
	explicit_bzero(frame->bytes + length, frame->length - length);
	frame->length = length;
}

/* Behind the length nothing was written, or it was wiped: to wipe all 64 KiB of a
 * start would make the kernel find memory for them, in each login's process. */
void frame_free(struct frame *frame)
{
	if (frame->bytes == NULL)
		return;
	explicit_bzero(frame->bytes, frame->length);
	free(frame->bytes);
	*frame = (struct frame){ 0 };
}

static void put(struct frame *frame, uint8_t tag, const void *value, size_t length)
{
	if (length > FIELD_MAX || frame->size - frame->length < FIELD_HEADER_SIZE + length)
		frame->overflow = true;
	if (frame->overflow)
		return;

	uint8_t *at = frame->bytes + frame->length;

	at[0] = tag;
	at[1] = (uint8_t)(length >> 8);
	at[2] = (uint8_t)length;
	if (length > 0)
		memcpy(at + FIELD_HEADER_SIZE, value, length);
	frame->length += FIELD_HEADER_SIZE + length;
}

static void put_text(struct frame *frame, uint8_t tag, const char *text)
{
	put(frame, tag, text, strlen(text));
}

static void put_optional_text(struct frame *frame, uint8_t tag, const char *text)
{
	if (text != NULL && text[0] != '\0')
		put_text(frame, tag, text);
}

static void put_byte(struct frame *frame, uint8_t tag, uint8_t value)
{
	put(frame, tag, &value, sizeof(value));
}

static void pack_u32(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 24);
	at[1] = (uint8_t)(value >> 16);
	at[2] = (uint8_t)(value >> 8);
	at[3] = (uint8_t)value;
}

void put_start(struct frame *frame, const struct start *start)
{
	put_byte(frame, 1, (uint8_t)start->phase);
	put_text(frame, 2, start->service);
	put_text(frame, 3, start->user);
	put_optional_text(frame, 4, start->rhost);
	put_optional_text(frame, 5, start->tty);
	put_optional_text(frame, 6, start->ruser);
	if (start->nss_name == NULL)
		return;

	uint8_t uid[4];

	pack_u32(uid, start->nss_uid);
	put_text(frame, 7, start->nss_name);
	put(frame, 8, uid, sizeof(uid));
}

void put_typed(struct frame *frame, const struct typed *typed)
{
	if (!typed->present)
		return;
	put_optional_text(frame, 9, typed->prompt);
	put(frame, 10, typed->text, typed->length);
}

/* Packs each gid straight into the frame: the field is half of the largest one. */
static void put_gids(struct frame *frame, uint8_t tag, const uint32_t *gids, size_t n, size_t most)
{
	size_t field = frame->length;

	if (n > most || frame->size - field < FIELD_HEADER_SIZE + 4 * n)
		frame->overflow = true;
	if (frame->overflow)
		return;
	put(frame, tag, NULL, 0);
	frame->bytes[field + 1] = (uint8_t)((4 * n) >> 8);
	frame->bytes[field + 2] = (uint8_t)(4 * n);
	for (size_t i = 0; i < n; i++, frame->length += 4)
		pack_u32(frame->bytes + frame->length, gids[i]);
}

void put_groups(struct frame *frame, const uint32_t *gids, size_t n, const uint32_t *unknown, size_t n_unknown)
{
	put_gids(frame, 1, gids, n, GROUPS_MAX);
	if (n_unknown > 0)
		put_gids(frame, 2, unknown, n_unknown, ASKED_MAX);
}

void put_answer(struct frame *frame, const struct typed *typed)
{
	if (typed->present)
		put(frame, 1, typed->text, typed->length);
	else
		put(frame, 2, NULL, 0);
}

/* Reading. Fields are asked for in ascending order; one that nobody asked for
 * (unknown, a second time, out of order) is left over, and that is garbled. */

struct cursor {
	const uint8_t *at;
	size_t left;
};

static bool take(struct cursor *cursor, uint8_t tag, size_t least, size_t most,
		 const uint8_t **ret_value, size_t *ret_length)
{
	if (cursor->left < FIELD_HEADER_SIZE || cursor->at[0] != tag)
		return false;

	size_t length = (size_t)cursor->at[1] << 8 | cursor->at[2];

	if (length < least || length > most || length > cursor->left - FIELD_HEADER_SIZE)
		return false;
	*ret_value = cursor->at + FIELD_HEADER_SIZE;
	*ret_length = length;
	cursor->at += FIELD_HEADER_SIZE + length;
	cursor->left -= FIELD_HEADER_SIZE + length;
	return true;
}

static bool take_byte(struct cursor *cursor, uint8_t tag, uint8_t least, uint8_t most, uint8_t *ret_byte)
{
	const uint8_t *value;
	size_t length;

	if (!take(cursor, tag, 1, 1, &value, &length) || *value < least || *value > most)
		return false;
	*ret_byte = *value;
	return true;
}

/* A text of 1 to TEXT_MAX bytes without a NUL, which would hide what is behind it. */
static bool take_text(struct cursor *cursor, uint8_t tag, char ret_text[TEXT_MAX + 1])
{
	const uint8_t *value;
	size_t length;

	if (!take(cursor, tag, 1, TEXT_MAX, &value, &length) || memchr(value, '\0', length) != NULL)
		return false;
	memcpy(ret_text, value, length);
	ret_text[length] = '\0';
	return true;
}

static bool take_style(struct cursor *cursor, uint8_t tag, enum style *ret_style)
{
	uint8_t byte;

	if (!take_byte(cursor, tag, STYLE_INFO, STYLE_ERROR, &byte))
		return false;
	*ret_style = byte;
	return true;
}

static bool take_verdict(struct cursor *cursor, uint8_t tag, enum verdict *ret_verdict)
{
	uint8_t byte;

	if (!take_byte(cursor, tag, REFUSED, UNAVAILABLE, &byte))
		return false;
	*ret_verdict = byte;
	return true;
}

static uint32_t unpack_u32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* A list of 1 to ASKED_MAX gids. */
static bool take_gids(struct cursor *cursor, uint8_t tag, uint32_t ret_gids[ASKED_MAX], size_t *ret_n)
{
	const uint8_t *value;
	size_t length;

	if (!take(cursor, tag, 4, 4 * ASKED_MAX, &value, &length) || length % 4 != 0)
		return false;
	for (size_t i = 0; i < length / 4; i++)
		ret_gids[i] = unpack_u32(value + 4 * i);
	*ret_n = length / 4;
	return true;
}

static bool take_fields(struct cursor *cursor, struct reply *reply)
{
	switch (reply->verb) {
	case VERB_NEED_GROUPS:
		return take_gids(cursor, 1, reply->gids, &reply->n_gids);
	case VERB_PROMPT:
	case VERB_OFFER:
		return take_text(cursor, 1, reply->text);
	case VERB_SHOW:
		return take_text(cursor, 1, reply->text) && take_style(cursor, 2, &reply->style);
	case VERB_RESULT:
		return take_verdict(cursor, 1, &reply->verdict);
	default:
		return false;
	}
}

bool reply_parse(const uint8_t *bytes, size_t length, struct reply *ret_reply)
{
	if (length < HEADER_SIZE || length > FRAME_MAX || bytes[0] != VERSION)
		return false;

	struct cursor cursor = { bytes + HEADER_SIZE, length - HEADER_SIZE };
	struct reply reply = { .verb = bytes[1] };
	bool good = take_fields(&cursor, &reply) && cursor.left == 0;

	if (good)
		*ret_reply = reply;
	explicit_bzero(&reply, sizeof(reply)); /* a show may hold a secret */
	return good;
}
