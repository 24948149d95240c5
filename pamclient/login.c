/* One conversation with the daemon, from start to result: the daemon speaks, and
 * the module relays. It ends in a verdict, or in the PAM code that says why there
 * is none; PAM_SUCCESS in here says no more than "go on". */

#include "pamclient.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <security/pam_ext.h>
#include <security/pam_modules.h>

/* Messages in one conversation. A daemon gone mad must not talk for ever; a
 * picture of 23 lines with five wrong confirmations is under 50. */
enum { MESSAGES_MAX = 512 };

/* An entry in NSS. glibc's first guess is 1 KiB; a group may have many members. */
enum { NSS_BUFFER_MIN = 1024, NSS_BUFFER_MAX = 16 * 1024 * 1024 };

struct login {
	pam_handle_t *pamh;
	const struct args *args;
	const struct login_for *for_whom;
	struct typed *typed; /* what a start carries over */
	struct frame start;  /* all but that */
	char *nss_name;      /* NULL: NSS does not know the user */
	uid_t uid;
	gid_t gid;
	int fd;              /* -1: none */
	bool reconnected;
};

static void login_done(struct login *login)
{
	if (login->fd >= 0)
		(void)close(login->fd);
	free(login->nss_name);
	frame_free(&login->start);
}

static void reply_wipe(struct reply *reply)
{
	explicit_bzero(reply, sizeof(*reply));
}

/* For the cleanup attribute, on a pointer of any type. */
static void plain_free(void *variable)
{
	void *memory;

	memcpy(&memory, variable, sizeof(memory));
	free(memory);
}

static int wire_refuse(const struct login *login, enum wire wire)
{
	if (wire == WIRE_FAILED)
		return refuse(login->pamh, PAM_AUTHINFO_UNAVAIL, "%s: %s: %m", login->args->socket, wire_name(wire));
	return refuse(login->pamh, PAM_AUTHINFO_UNAVAIL, "%s: %s", login->args->socket, wire_name(wire));
}

/* Whether it is still the login that began: an application may change the user
 * while it asks, and the verdict would be another's. */
static int same_login(const struct login *login)
{
	if (item_is(login->pamh, PAM_USER, login->for_whom->user) &&
	    item_is(login->pamh, PAM_SERVICE, login->for_whom->service))
		return PAM_SUCCESS;
	return refuse(login->pamh, PAM_AUTH_ERR, "the user or the service changed during the conversation");
}

/* Not to be had is PAM_SUCCESS and no name; only a failing NSS refuses. */
static int look_up_user(struct login *login)
{
	for (size_t size = NSS_BUFFER_MIN; size <= NSS_BUFFER_MAX; size *= 2) {
		CLEANUP(plain_free) char *buffer = malloc(size);
		struct passwd entry, *found = NULL;

		if (buffer == NULL)
			return out_of_memory(login->pamh);

		int failure = getpwnam_r(login->for_whom->user, &entry, buffer, size, &found);

		if (failure == ERANGE)
			continue;
		if (found != NULL) {
			login->uid = found->pw_uid;
			login->gid = found->pw_gid;
			login->nss_name = strdup(found->pw_name);
			return login->nss_name != NULL ? PAM_SUCCESS : out_of_memory(login->pamh);
		}
		/* getpwnam(3): what else than 0 may stand for "not found" */
		if (failure == 0 || failure == ENOENT || failure == ESRCH || failure == EBADF || failure == EPERM)
			return PAM_SUCCESS;
		errno = failure;
		return refuse(login->pamh, PAM_AUTHINFO_UNAVAIL, "looking up the user: %m");
	}
	return refuse(login->pamh, PAM_AUTHINFO_UNAVAIL, "looking up the user: the entry is too long");
}

/* Talking to the daemon. */

/* Sends the start, with what is to be carried over from before. */
static int send_start(struct login *login)
{
	size_t length = login->start.length;

	put_typed(&login->start, login->typed);

	enum wire wire = wire_send(login->fd, &login->start, login->args->timeout);

	frame_cut(&login->start, length);
	return wire == WIRE_OK ? PAM_SUCCESS : wire_refuse(login, wire);
}

static int connect_and_start(struct login *login, bool patient)
{
	enum wire wire = wire_dial(login->args->socket, login->args->timeout, patient, &login->fd);

	if (wire != WIRE_OK)
		return wire_refuse(login, wire);
	return send_start(login);
}

/* Once only: a daemon that dies of this very login must not be asked for ever. */
static int reconnect(struct login *login)
{
	(void)close(login->fd);
	login->fd = -1;
	login->reconnected = true;
	return connect_and_start(login, true);
}

/* The user's groups. */

static bool has_gid(const gid_t *gids, size_t n, gid_t gid)
{
	for (size_t i = 0; i < n; i++) {
		if (gids[i] == gid)
			return true;
	}
	return false;
}

static bool has_member(const struct group *group, const char *name)
{
	for (char **member = group->gr_mem; *member != NULL; member++) {
		if (strcmp(*member, name) == 0)
			return true;
	}
	return false;
}

/* Whether the user is surely not in a group that getgrouplist(3) does not have:
 * it leaves out those of a directory server that is down, and reports success.
 * Such a group is not found here either, often without an error: glibc tells
 * what the last service of nsswitch.conf(5) said, and a cache whose server is
 * away says "no such group". So only one that is found counts; and if it has the
 * user for a member, the server was down just before. */
static bool is_outside(const struct login *login, gid_t gid)
{
	if (login->nss_name == NULL)
		return false;
	for (size_t size = NSS_BUFFER_MIN; size <= NSS_BUFFER_MAX; size *= 2) {
		CLEANUP(plain_free) char *buffer = malloc(size);
		struct group entry, *found = NULL;

		if (buffer == NULL)
			return false;

		int failure = getgrgid_r(gid, &entry, buffer, size, &found);

		if (failure != ERANGE)
			return failure == 0 && found != NULL && !has_member(found, login->nss_name);
	}
	return false;
}

/* Sends the user's groups, and which of those that matter are not known. */
static int send_groups(struct login *login, const struct reply *asked)
{
	CLEANUP(plain_free) gid_t *gids = calloc(GROUPS_MAX, sizeof(*gids));
	CLEANUP(frame_free) struct frame frame = { 0 };
	int n = login->nss_name == NULL ? 0 : GROUPS_MAX;
	gid_t unknown[ASKED_MAX];
	size_t n_unknown = 0;

	_Static_assert(sizeof(gid_t) == sizeof(uint32_t), "a gid is 32 bits on the wire");
	if (gids == NULL || !frame_begin(&frame, VERB_GROUPS, LARGE_FRAME_MAX))
		return out_of_memory(login->pamh);
	if (login->nss_name != NULL && getgrouplist(login->nss_name, login->gid, gids, &n) < 0)
		return refuse(login->pamh, PAM_AUTH_ERR, "the user's groups cannot be had, or are over %d", GROUPS_MAX);
	for (size_t i = 0; i < asked->n_gids; i++) {
		if (!has_gid(gids, (size_t)n, asked->gids[i]) && !is_outside(login, asked->gids[i]))
			unknown[n_unknown++] = asked->gids[i];
	}
	put_groups(&frame, gids, (size_t)n, unknown, n_unknown);

	enum wire wire = wire_send(login->fd, &frame, login->args->timeout);

	return wire == WIRE_OK ? PAM_SUCCESS : wire_refuse(login, wire);
}

static int show(struct login *login, const struct reply *reply)
{
	int style = reply->style == STYLE_ERROR ? PAM_ERROR_MSG : PAM_TEXT_INFO;
	int code = pam_prompt(login->pamh, style, NULL, "%s", reply->text);

	return code == PAM_SUCCESS ? same_login(login) : failure_code(code);
}

/* Whether a text is the password, or what a line with split= asks for: the
 * password with a code behind it. Some programs give the one or the other to
 * every prompt. */
static bool holds_password(const pam_handle_t *pamh, const char *text)
{
	const char *password = item(pamh, PAM_AUTHTOK);
	size_t length = password == NULL ? 0 : strlen(password);

	if (length == 0 || strncmp(text, password, length) != 0)
		return false;
	return text[length] == '\0' || split_at(text, 6) == length || split_at(text, 8) == length;
}

/* Whether an answer must not leave this process: it is no code, and may hold the
 * password. */
static bool must_withhold(const pam_handle_t *pamh, const char *text)
{
	if (strnlen(text, TYPED_MAX + 1) > TYPED_MAX)
		return true;
	for (const char *at = text; *at != '\0'; at++) {
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			return true;
	}
	return holds_password(pamh, text);
}

void typed_wipe(struct typed *typed)
{
	explicit_bzero(typed, sizeof(*typed));
}

void keep_typed(struct typed *ret_typed, const char *prompt, const char *text)
{
	typed_wipe(ret_typed);
	ret_typed->present = true;
	ret_typed->length = strlen(text);
	memcpy(ret_typed->text, text, ret_typed->length);
	strcpy(ret_typed->prompt, prompt);
}

/* What is typed to a prompt, asked visibly: sshd's `password` method, which
 * answers every hidden prompt with the password, fails on a visible one. Whoever
 * cannot be asked has answered an offer with nothing. */
static int read_answer(const struct login *login, const struct reply *prompt, char **ret_text)
{
	int code = pam_prompt(login->pamh, PAM_PROMPT_ECHO_ON, ret_text, "%s", prompt->text);
	bool left_out = code == PAM_CONV_ERR || (code == PAM_SUCCESS && *ret_text == NULL); /* NULL: ^D */

	if (left_out && prompt->verb == VERB_OFFER) {
		*ret_text = strdup("");
		return *ret_text != NULL ? PAM_SUCCESS : out_of_memory(login->pamh);
	}
	if (code != PAM_SUCCESS)
		return failure_code(code);
	if (left_out)
		return refuse(login->pamh, PAM_AUTH_ERR, "the person hung up");
	return PAM_SUCCESS;
}

static int ask(struct login *login, const struct reply *prompt)
{
	CLEANUP(string_free) char *text = NULL;
	CLEANUP(frame_free) struct frame frame = { 0 };
	int code = read_answer(login, prompt, &text);

	if (code != PAM_SUCCESS)
		return code;
	if ((code = same_login(login)) != PAM_SUCCESS)
		return code;

	if (must_withhold(login->pamh, text))
		typed_wipe(login->typed);
	else
		keep_typed(login->typed, prompt->text, text);

	if (!frame_begin(&frame, VERB_ANSWER, FRAME_MAX))
		return out_of_memory(login->pamh);
	put_answer(&frame, login->typed);

	enum wire wire = wire_send(login->fd, &frame, login->args->timeout);

	return wire == WIRE_OK ? PAM_SUCCESS : wire_refuse(login, wire);
}

/* Does what one message asks for. */
static int obey(struct login *login, const struct reply *reply)
{
	switch (reply->verb) {
	case VERB_NEED_GROUPS:
		return send_groups(login, reply);
	case VERB_SHOW:
		return show(login, reply);
	case VERB_PROMPT:
	case VERB_OFFER:
		if (login->for_whom->phase == PHASE_AUTH)
			return ask(login, reply);
		return refuse(login->pamh, PAM_AUTH_ERR, "a prompt in the account phase");
	default: /* reply_parse lets no other through */
		return wire_refuse(login, WIRE_GARBLED);
	}
}

/* Relays until the result. */
static int relay(struct login *login, enum verdict *ret_verdict)
{
	for (int i = 0; i < MESSAGES_MAX; i++) {
		CLEANUP(reply_wipe) struct reply reply = { 0 };
		enum wire wire = wire_receive(login->fd, login->args->timeout, &reply);
		int code;

		if (wire == WIRE_OK && reply.verb == VERB_RESULT) {
			*ret_verdict = reply.verdict;
			return PAM_SUCCESS;
		}
		if (wire == WIRE_OK)
			code = obey(login, &reply);
		else if (wire == WIRE_GONE && !login->reconnected)
			code = reconnect(login);
		else
			code = wire_refuse(login, wire);
		if (code != PAM_SUCCESS)
			return code;
	}
	return refuse(login->pamh, PAM_AUTHINFO_UNAVAIL, "over %d messages in one conversation", MESSAGES_MAX);
}

static int begin_start(struct login *login)
{
	struct start start = {
		.phase = login->for_whom->phase,
		.service = login->for_whom->service,
		.user = login->for_whom->user,
		.rhost = item(login->pamh, PAM_RHOST),
		.tty = item(login->pamh, PAM_TTY),
		.ruser = item(login->pamh, PAM_RUSER),
		.nss_name = login->nss_name,
		.nss_uid = login->uid,
	};

	if (!frame_begin(&login->start, VERB_START, LARGE_FRAME_MAX))
		return out_of_memory(login->pamh);
	put_start(&login->start, &start);
	if (login->start.overflow)
		return refuse(login->pamh, PAM_AUTH_ERR, "the user's name or an item is too long");
	return PAM_SUCCESS;
}

int converse(pam_handle_t *pamh, const struct args *args, const struct login_for *for_whom,
	     struct typed *typed, enum verdict *ret_verdict)
{
	CLEANUP(login_done) struct login login = {
		.pamh = pamh, .args = args, .for_whom = for_whom, .typed = typed, .fd = -1,
	};
	int code;

	if ((code = same_login(&login)) != PAM_SUCCESS)
		return code;
	if ((code = look_up_user(&login)) != PAM_SUCCESS)
		return code;
	if ((code = begin_start(&login)) != PAM_SUCCESS)
		return code;
	if ((code = connect_and_start(&login, false)) != PAM_SUCCESS)
		return code;
	return relay(&login, ret_verdict);
}
