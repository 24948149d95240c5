/*
 * An application of PAM for the tests: opens a stack from a folder of its own,
 * without root, plays a script and prints what happens, one JSON object a line.
 *
 *   driver FOLDER SERVICE [repeat=TIMES] STEP...
 *
 * It plays all steps in one transaction; again=SERVICE ends that and begins
 * another, of that service, and repeat=TIMES plays the whole so many times.
 * Steps: user=NAME rhost=HOST tty=TTY ruser=NAME set an item; auth, acct and
 * setcred call; fds counts the open descriptors; storm sends a signal every
 * millisecond from there on. The others are for the conversation, in their
 * order: answer=TEXT answers a prompt, null answers without a text (^D),
 * fail=CODE returns the code, and in front of one of those become=NAME changes
 * PAM_USER, serve=NAME changes PAM_SERVICE, and pause waits for a line on
 * standard input; type answers with that line, of which no copy stays here.
 * shown-become=NAME and shown-fail=CODE do so at a message that is only shown.
 * stay pauses between two calls.
 */
#include <dirent.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <security/pam_appl.h>

enum { SCRIPT_MAX = 1024, LINE_MAX = 256 };

struct script {
	const char *folder;
	pam_handle_t *pamh;
	const char *steps[SCRIPT_MAX];
	int next, end;
};

/* In libfaults.so, when it is preloaded. */
__attribute__((weak)) void faults_arm(bool armed);
__attribute__((weak)) bool faults_fired(void);

static void print_text(const char *text)
{
	putchar('"');
	for (; *text != '\0'; text++) {
		unsigned char byte = (unsigned char)*text;

		if (byte < 0x20 || byte == '"' || byte == '\\' || byte == 0x7f)
			printf("\\u%04x", byte);
		else
			putchar(byte);
	}
	putchar('"');
}

static const char *after(const char *step, const char *prefix)
{
	size_t length = strlen(prefix);

	return strncmp(step, prefix, length) == 0 ? step + length : NULL;
}

static void must(int code)
{
	if (code == PAM_SUCCESS)
		return;
	fprintf(stderr, "driver: libpam says %d\n", code);
	exit(2);
}

/* Reads a line, past stdio and its buffers. */
static char *read_line(void)
{
	char *line = calloc(1, LINE_MAX);
	size_t length = 0;

	puts("{\"paused\":true}");
	while (length < LINE_MAX - 1 && read(0, line + length, 1) == 1 && line[length] != '\n')
		length++;
	line[length] = '\0';
	return line;
}

static void pause_here(void)
{
	free(read_line());
}

static int answer(struct script *script, char **ret_text)
{
	while (script->next < script->end) {
		const char *step = script->steps[script->next++], *text;

		if ((text = after(step, "become=")) != NULL)
			must(pam_set_item(script->pamh, PAM_USER, text));
		else if ((text = after(step, "serve=")) != NULL)
			must(pam_set_item(script->pamh, PAM_SERVICE, text));
		else if (strcmp(step, "pause") == 0)
			pause_here();
		else if (strcmp(step, "type") == 0)
			return *ret_text = read_line(), PAM_SUCCESS;
		else if (strcmp(step, "null") == 0)
			return PAM_SUCCESS;
		else if ((text = after(step, "fail=")) != NULL)
			return atoi(text);
		else if ((text = after(step, "answer=")) != NULL)
			return *ret_text = strdup(text), PAM_SUCCESS;
		else
			break;
	}
	return PAM_CONV_ERR;
}

static int shown(struct script *script)
{
	const char *text;

	if (script->next == script->end)
		return PAM_SUCCESS;
	if ((text = after(script->steps[script->next], "shown-become=")) != NULL) {
		script->next++;
		must(pam_set_item(script->pamh, PAM_USER, text));
	} else if ((text = after(script->steps[script->next], "shown-fail=")) != NULL) {
		script->next++;
		return atoi(text);
	}
	return PAM_SUCCESS;
}

static void arm(bool armed)
{
	if (faults_arm != NULL)
		faults_arm(armed);
}

static int converse(int n, const struct pam_message **messages, struct pam_response **ret_responses, void *data)
{
	struct script *script = data;
	const struct pam_message *message = messages[0];
	bool prompt = message->msg_style == PAM_PROMPT_ECHO_ON || message->msg_style == PAM_PROMPT_ECHO_OFF;
	char *text = NULL;

	if (n != 1)
		return PAM_CONV_ERR;
	arm(false); /* this is the application */
	printf("{\"style\":%d,\"text\":", message->msg_style);
	print_text(message->msg);
	puts("}");

	int code = prompt ? answer(script, &text) : shown(script);

	if (code == PAM_SUCCESS) {
		*ret_responses = calloc(1, sizeof(**ret_responses));
		(*ret_responses)->resp = text;
	}
	arm(true);
	return code;
}

static void no_delay(int code, unsigned microseconds, void *data)
{
	(void)code;
	(void)data;
	printf("{\"delay\":%u}\n", microseconds);
}

static void call(pam_handle_t *pamh, const char *name, int (*function)(pam_handle_t *, int))
{
	struct timespec began, ended;

	clock_gettime(CLOCK_MONOTONIC, &began);
	arm(true);

	int code = function(pamh, 0);

	arm(false);
	clock_gettime(CLOCK_MONOTONIC, &ended);
	printf("{\"call\":\"%s\",\"code\":%d,\"ms\":%lld,\"fired\":%s}\n", name, code,
	       (long long)(ended.tv_sec - began.tv_sec) * 1000 + (ended.tv_nsec - began.tv_nsec) / 1000000,
	       faults_fired != NULL && faults_fired() ? "true" : "false");
}

static void count_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int n = 0;

	while (folder != NULL && readdir(folder) != NULL)
		n++;
	closedir(folder);
	printf("{\"descriptors\":%d}\n", n);
}

static void heard(int signal)
{
	(void)signal;
}

static void storm(void)
{
	struct sigaction action = { .sa_handler = heard }; /* without SA_RESTART */
	struct itimerval every = { { 0, 1000 }, { 0, 1000 } };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
}

static void begin(struct script *script, const char *service)
{
	struct pam_conv conv = { converse, script };

	script->next = script->end = 0;
	must(pam_start_confdir(service, NULL, &conv, script->folder, &script->pamh));
	must(pam_set_item(script->pamh, PAM_FAIL_DELAY, (const void *)no_delay));
}

static void end(struct script *script)
{
	must(pam_end(script->pamh, PAM_SUCCESS));
}

static void play(struct script *script, const char *step)
{
	pam_handle_t *pamh = script->pamh;
	const char *text;

	if ((text = after(step, "again=")) != NULL)
		end(script), begin(script, text);
	else if ((text = after(step, "user=")) != NULL)
		must(pam_set_item(pamh, PAM_USER, text));
	else if ((text = after(step, "rhost=")) != NULL)
		must(pam_set_item(pamh, PAM_RHOST, text));
	else if ((text = after(step, "tty=")) != NULL)
		must(pam_set_item(pamh, PAM_TTY, text));
	else if ((text = after(step, "ruser=")) != NULL)
		must(pam_set_item(pamh, PAM_RUSER, text));
	else if (strcmp(step, "auth") == 0)
		call(pamh, step, pam_authenticate);
	else if (strcmp(step, "acct") == 0)
		call(pamh, step, pam_acct_mgmt);
	else if (strcmp(step, "setcred") == 0)
		call(pamh, step, pam_setcred);
	else if (strcmp(step, "fds") == 0)
		count_descriptors();
	else if (strcmp(step, "storm") == 0)
		storm();
	else if (strcmp(step, "stay") == 0)
		pause_here();
	else
		script->steps[script->end++] = step;
}

int main(int argc, char **argv)
{
	static struct script script;
	int first = 3, times = 1;

	if (argc < 3 || argc > SCRIPT_MAX)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	script.folder = argv[1];
	if (argc > first && after(argv[first], "repeat=") != NULL)
		times = atoi(after(argv[first++], "repeat="));
	while (times-- > 0) {
		begin(&script, argv[2]);
		for (int i = first; i < argc; i++)
			play(&script, argv[i]);
		end(&script);
	}
	return 0;
}
