/*
 * What the files of pam_spse_totp.so share. Nothing of it leaves the module:
 * it exports the three pam_sm_* of module.c alone.
 *
 *   args.c    the module's arguments
 *   frame.c   messages as bytes (daemon/protocol/PROTOCOL.md)
 *   dial.c    the socket, with a deadline on every wait
 *   pam.c     logging, items and failures of libpam
 *   login.c   one conversation with the daemon
 *   module.c  what is kept with the handle, the lines of a stack, the entry points
 *
 * In every enum the zero value is the one that refuses. A ret_ parameter is
 * untouched on failure.
 */
#ifndef PAMCLIENT_H
#define PAMCLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <security/pam_modules.h>

#define CLEANUP(f) __attribute__((cleanup(f)))

/* Limits of the wire, in bytes but for GROUPS_MAX and ASKED_MAX. */
enum {
	FRAME_MAX = 4096,        /* a message */
	LARGE_FRAME_MAX = 65536, /* a start or a groups */
	TEXT_MAX = 511,          /* PAM_MAX_MSG_SIZE is 512, with the NUL */
	TYPED_MAX = 128,         /* what a person types to a prompt */
	GROUPS_MAX = 8192,       /* gids in a groups */
	ASKED_MAX = 1022,        /* gids in a need-groups, which fill a message */
};

/* args.c */

struct args {
	const char *socket;   /* absolute path */
	const char *services; /* names and commas; NULL: every service */
	const char *account;  /* names and commas; NULL: none */
	unsigned split;       /* digits to cut off; 0: not this line's work */
	unsigned timeout;     /* seconds to wait for the daemon */
	bool debug;
};

/* Reads the module's arguments. The strings stay argv's. On failure ret_bad is
 * the argument that is unknown, malformed or there twice. */
bool args_parse(int argc, const char **argv, struct args *ret_args, const char **ret_bad);

/* Whether the list of an argument names it. */
bool list_has(const char *list, const char *name);

/* The length of what stays of a text when its last `digits` ASCII digits are
 * cut off; the text's own length when it does not end in so many, or when
 * nothing would stay. */
size_t split_at(const char *text, unsigned digits);

/* frame.c */

enum verb {
	VERB_START = 1,
	VERB_GROUPS = 2,
	VERB_ANSWER = 3,
	VERB_NEED_GROUPS = 16,
	VERB_PROMPT = 17,
	VERB_SHOW = 18,
	VERB_RESULT = 19,
	VERB_OFFER = 20,
};

enum phase { PHASE_AUTH = 1, PHASE_ACCOUNT = 2 };

enum style { STYLE_INFO = 1, STYLE_ERROR = 2 };

enum verdict { REFUSED = 0, ACCEPTED = 1, NOT_ASKED = 2, UNAVAILABLE = 3 };

/* A message being written. What does not fit sets overflow, which sticks: the
 * frame is then not to be sent. */
struct frame {
	uint8_t *bytes;
	size_t length, size;
	bool overflow;
};

/* False when memory is gone. */
bool frame_begin(struct frame *frame, enum verb verb, size_t size);

/* Wipes what stands behind the first `length` bytes, and ends the frame there. */
void frame_cut(struct frame *frame, size_t length);

/* Wipes and frees. Does nothing to a frame that was never begun. */
void frame_free(struct frame *frame);

/* The fields of a start. NULL or empty: rhost, tty, ruser are left out; a NULL
 * nss_name leaves uid out too. */
struct start {
	enum phase phase;
	const char *service, *user;
	const char *rhost, *tty, *ruser;
	const char *nss_name;
	uint32_t nss_uid;
};

/* Text a person typed, and the prompt it answers (empty: the code held by
 * split). present is false when there is nothing to carry over. */
struct typed {
	bool present;
	size_t length;
	char prompt[TEXT_MAX + 1];
	char text[TYPED_MAX];
};

void put_start(struct frame *frame, const struct start *start);
void put_typed(struct frame *frame, const struct typed *typed); /* ends a start */

/* The user's gids, and those asked for that are not known; of these at least one,
 * or they are left out. */
void put_groups(struct frame *frame, const uint32_t *gids, size_t n, const uint32_t *unknown, size_t n_unknown);

void put_answer(struct frame *frame, const struct typed *typed); /* not present: withheld */

/* A message read. Only the fields of its verb are set. */
struct reply {
	enum verb verb;
	enum style style;
	enum verdict verdict;
	char text[TEXT_MAX + 1];
	size_t n_gids;
	uint32_t gids[ASKED_MAX];
};

/* False when the bytes are no message to the module. */
bool reply_parse(const uint8_t *bytes, size_t length, struct reply *ret_reply);

/* dial.c */

enum wire {
	WIRE_FAILED, /* a system call failed; errno tells */
	WIRE_GONE,   /* the daemon is not there (any more) */
	WIRE_LATE,
	WIRE_GARBLED,
	WIRE_OK,
};

/* For the log. */
const char *wire_name(enum wire wire);

/* Connects within timeout seconds. When patient, waits that long for a daemon
 * that is being started again. */
enum wire wire_dial(const char *path, unsigned timeout, bool patient, int *ret_fd);

/* Sends one message within timeout seconds. A daemon that is gone is WIRE_OK:
 * a result may still lie unread, and wire_receive finds the end behind it. */
enum wire wire_send(int fd, const struct frame *frame, unsigned timeout);

/* Receives one message within timeout seconds. */
enum wire wire_receive(int fd, unsigned timeout, struct reply *ret_reply);

/* pam.c */

/* Logs why, and returns the code: one line for a refusal. Never what was typed,
 * nor a user's name, which may be a password typed too early. */
__attribute__((format(printf, 3, 4)))
int refuse(const pam_handle_t *pamh, int code, const char *format, ...);

int out_of_memory(const pam_handle_t *pamh);

/* The code of a failed call into libpam or the application, as it is, unless a
 * stack would take it for a success (`required` takes PAM_NEW_AUTHTOK_REQD so). */
int failure_code(int code);

/* NULL when it is not set. The text lives until the application changes it. */
const char *item(const pam_handle_t *pamh, int type);

bool item_is(const pam_handle_t *pamh, int type, const char *text);

/* Wipes and frees; for the cleanup attribute. */
void string_free(char **text);

/* login.c */

/* What a verdict is about. */
struct login_for {
	enum phase phase;
	const char *service, *user;
};

/* Keeps what was typed, and the prompt it answers, for a start to carry over.
 * At most TYPED_MAX and TEXT_MAX bytes. */
void keep_typed(struct typed *ret_typed, const char *prompt, const char *text);

void typed_wipe(struct typed *typed);

/* One whole conversation. typed is what the first start carries over, and holds
 * afterwards what was typed last. PAM_SUCCESS says that there is a verdict. */
int converse(pam_handle_t *pamh, const struct args *args, const struct login_for *for_whom,
	     struct typed *typed, enum verdict *ret_verdict);

#endif
