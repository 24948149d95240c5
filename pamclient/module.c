/*
 * pam_spse_totp.so: asks the daemon, and relays between it and the person.
 *
 * The module knows no policy, no language and no TOTP. It holds no state but
 * what libpam keeps for it with the handle, starts no thread, touches no signal,
 * and needs nothing but libc and libpam: it is loaded into sshd, sudo and login.
 *
 * Two things are kept with the handle, and each auth line clears what an earlier
 * try left, since one handle serves several tries and users (login does):
 *   the code   cut off by a line with split=, for the later line without it
 *   the mark   the verdict of the auth phase, for the account phase
 *
 * PAM_SILENT is not heeded: sudo sets it, and a person who is not shown what the
 * daemon says cannot follow it.
 */

#include "pamclient.h"

#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include <security/pam_ext.h>
#include <security/pam_modules.h>

#define EXPORTED __attribute__((visibility("default")))
#define UNUSED __attribute__((unused))

/* What libpam is told to wait after a refusal, give or take a quarter of it. */
enum { REFUSAL_DELAY_US = 2 * 1000 * 1000 };

static const char code_key[] = "spse_totp_code";
static const char mark_key[] = "spse_totp_mark";

/* In both languages these are the words of SPSE's own login page. */
static const char split_prompt[] = "Password + Security Code: ";

/* The verdict of the auth phase, and whose it is. */
struct mark {
	enum verdict verdict;
	char user[];
};

/* A verdict is a PAM code here and nowhere else. */
static int verdict_code(enum verdict verdict)
{
	switch (verdict) {
	case ACCEPTED:
		return PAM_SUCCESS;
	case NOT_ASKED:
		return PAM_IGNORE;
	case UNAVAILABLE:
		return PAM_AUTHINFO_UNAVAIL;
	case REFUSED:
		break;
	}
	return PAM_AUTH_ERR;
}

/* What is kept with the handle. */

static void mark_free(UNUSED pam_handle_t *pamh, void *data, UNUSED int status)
{
	free(data);
}

static void code_free(UNUSED pam_handle_t *pamh, void *data, UNUSED int status)
{
	char *code = data;

	string_free(&code);
}

static const void *kept(const pam_handle_t *pamh, const char *key)
{
	const void *data = NULL;

	if (pam_get_data(pamh, key, &data) != PAM_SUCCESS)
		return NULL;
	return data;
}

/* Frees what is kept, by its own cleanup. */
static int forget(pam_handle_t *pamh, const char *key)
{
	if (kept(pamh, key) == NULL || pam_set_data(pamh, key, NULL, NULL) == PAM_SUCCESS)
		return PAM_SUCCESS;
	return refuse(pamh, PAM_SYSTEM_ERR, "what an earlier try left cannot be cleared");
}

/* Without its mark an accepted login would be refused in the account phase, and
 * nobody would know why: so it is refused here. */
static int leave_mark(pam_handle_t *pamh, const char *user, enum verdict verdict)
{
	struct mark *mark = malloc(sizeof(*mark) + strlen(user) + 1);

	if (mark == NULL)
		return out_of_memory(pamh);
	mark->verdict = verdict;
	strcpy(mark->user, user);
	if (pam_set_data(pamh, mark_key, mark, mark_free) == PAM_SUCCESS)
		return PAM_SUCCESS;
	free(mark);
	return out_of_memory(pamh);
}

/* Takes the code that a split line holds: one line sends it, once. */
static int take_code(pam_handle_t *pamh, struct typed *ret_typed)
{
	const char *code = kept(pamh, code_key);

	if (code == NULL)
		return PAM_SUCCESS;
	keep_typed(ret_typed, "", code);
	return forget(pamh, code_key);
}

static int hold_code(pam_handle_t *pamh, const char *digits)
{
	char *code = strdup(digits);

	if (code == NULL)
		return out_of_memory(pamh);
	if (pam_set_data(pamh, code_key, code, code_free) == PAM_SUCCESS)
		return PAM_SUCCESS;
	string_free(&code);
	return out_of_memory(pamh);
}

/* The lines of a stack. */

/* pam_get_user first: login has no user yet. */
static int get_user(pam_handle_t *pamh, const char **ret_user)
{
	const char *user = NULL;
	int code = pam_get_user(pamh, &user, NULL);

	if (code != PAM_SUCCESS)
		return failure_code(code);
	if (user == NULL)
		return refuse(pamh, PAM_AUTH_ERR, "there is no user");
	*ret_user = user;
	return PAM_SUCCESS;
}

/* A line with split=: asks for password and code in one, hands the password on
 * and holds the code. It judges nothing. */
static int ask_for_both(pam_handle_t *pamh, const struct args *args)
{
	CLEANUP(string_free) char *text = NULL;
	const char *user;
	int code;

	if ((code = get_user(pamh, &user)) != PAM_SUCCESS)
		return code;
	if ((code = pam_prompt(pamh, PAM_PROMPT_ECHO_OFF, &text, "%s", split_prompt)) != PAM_SUCCESS)
		return failure_code(code);
	if (text == NULL)
		return refuse(pamh, PAM_AUTH_ERR, "the person hung up");

	size_t cut = split_at(text, args->split);

	if (text[cut] != '\0' && (code = hold_code(pamh, text + cut)) != PAM_SUCCESS)
		return code;
	explicit_bzero(text + cut, strlen(text + cut));
	if ((code = pam_set_item(pamh, PAM_AUTHTOK, text)) != PAM_SUCCESS)
		return failure_code(code);
	return PAM_IGNORE;
}

/* Asks the daemon for a verdict, and in the auth phase leaves the mark. */
static int ask_daemon(pam_handle_t *pamh, const struct args *args, enum phase phase, const char *service_item)
{
	/* The application may change its items whenever it is asked something. */
	CLEANUP(string_free) char *service = strdup(service_item), *user = NULL;
	CLEANUP(typed_wipe) struct typed typed = { 0 };
	enum verdict verdict = REFUSED;
	const char *user_item;
	int code;

	if ((code = get_user(pamh, &user_item)) != PAM_SUCCESS)
		return code;
	user = strdup(user_item);
	if (service == NULL || user == NULL)
		return out_of_memory(pamh);

	struct login_for for_whom = { phase, service, user };

	if (phase == PHASE_AUTH && (code = take_code(pamh, &typed)) != PAM_SUCCESS)
		return code;
	if ((code = converse(pamh, args, &for_whom, &typed, &verdict)) != PAM_SUCCESS)
		return code;
	if (phase == PHASE_AUTH && (verdict == ACCEPTED || verdict == NOT_ASKED) &&
	    (code = leave_mark(pamh, user, verdict)) != PAM_SUCCESS)
		return code;
	return verdict_code(verdict);
}

/* Reads the arguments and the service. PAM_SUCCESS says both are to be had. */
static int read_line(pam_handle_t *pamh, int argc, const char **argv, struct args *ret_args, const char **ret_service)
{
	const char *service = item(pamh, PAM_SERVICE), *bad;

	if (!args_parse(argc, argv, ret_args, &bad))
		return refuse(pamh, PAM_SERVICE_ERR, "bad argument: %s: correct the line in /etc/pam.d", bad);
	if (service == NULL || service[0] == '\0')
		return refuse(pamh, PAM_SERVICE_ERR, "there is no service");
	*ret_service = service;
	return PAM_SUCCESS;
}

static int authenticate(pam_handle_t *pamh, int argc, const char **argv)
{
	struct args args;
	const char *service;
	int code;

	if ((code = read_line(pamh, argc, argv, &args, &service)) != PAM_SUCCESS)
		return code;
	if (args.services != NULL && !list_has(args.services, service))
		return PAM_IGNORE;
	if ((code = forget(pamh, mark_key)) != PAM_SUCCESS)
		return code;
	if (args.split == 0)
		return ask_daemon(pamh, &args, PHASE_AUTH, service);
	if ((code = forget(pamh, code_key)) != PAM_SUCCESS)
		return code;
	return ask_for_both(pamh, &args);
}

/* With a public key alone sshd never calls the auth phase: then the daemon is
 * asked here. Where it was asked before, the mark answers. */
static int account(pam_handle_t *pamh, int argc, const char **argv)
{
	struct args args;
	const char *service;
	int code;

	if ((code = read_line(pamh, argc, argv, &args, &service)) != PAM_SUCCESS)
		return code;
	if (args.services != NULL && !list_has(args.services, service))
		return PAM_IGNORE;
	if (!list_has(args.account, service))
		return PAM_IGNORE;

	const struct mark *mark = kept(pamh, mark_key);

	if (mark != NULL && item_is(pamh, PAM_USER, mark->user))
		return verdict_code(mark->verdict);
	return ask_daemon(pamh, &args, PHASE_ACCOUNT, service);
}

static bool wants_debug(int argc, const char **argv)
{
	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "debug") == 0)
			return true;
	}
	return false;
}

/* The debug argument: how each phase ended. */
static int ended(pam_handle_t *pamh, int argc, const char **argv, const char *phase, int code)
{
	if (wants_debug(argc, argv))
		pam_syslog(pamh, LOG_DEBUG, "%s ended with %d: %s", phase, code, pam_strerror(pamh, code));
	return code;
}

EXPORTED int pam_sm_authenticate(pam_handle_t *pamh, UNUSED int flags, int argc, const char **argv)
{
	int code = authenticate(pamh, argc, argv);

	if (code == PAM_AUTH_ERR)
		(void)pam_fail_delay(pamh, REFUSAL_DELAY_US);
	return ended(pamh, argc, argv, "auth", code);
}

EXPORTED int pam_sm_acct_mgmt(pam_handle_t *pamh, UNUSED int flags, int argc, const char **argv)
{
	return ended(pamh, argc, argv, "account", account(pamh, argc, argv));
}

/* A login with a code leaves no credentials. sshd calls this twice, once in
 * another process. */
EXPORTED int pam_sm_setcred(UNUSED pam_handle_t *pamh, UNUSED int flags, UNUSED int argc, UNUSED const char **argv)
{
	return PAM_SUCCESS;
}
