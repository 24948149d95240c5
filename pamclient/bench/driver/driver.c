/*
 * One client of the benchmark: an application of PAM that logs in again and
 * again, and measures each login.
 *
 *   driver FOLDER SERVICE in-process|forked MILLISECONDS
 *
 * FOLDER and SERVICE name the stack. Forked makes a process for each login, as
 * sshd and su do, and times it from before the fork to the reaped child.
 *
 * Standard input is the client's own share, one login a line: the user, a space
 * and the code to answer each prompt with. What stands before an empty line
 * warms the client up, for a third of MILLISECONDS at most, and is not measured.
 * When it is ready the client says so and waits till descriptor 3 ends, which
 * starts all clients at once; it begins no login later than MILLISECONDS after
 * that.
 *
 * It prints a line for each login, `login BEGAN TOOK CODE`: nanoseconds of
 * CLOCK_MONOTONIC, nanoseconds, PAM's code; and at the end `spent CPU WRITTEN`:
 * nanoseconds of user and system time, and bytes that went to a disk's cache,
 * its children's with it.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <security/pam_appl.h>

enum { START = 3, NO_CODE = 255 };

struct login {
	char *user, *code;
	int64_t began, took;
	int pam_code;
};

struct share {
	struct login *logins;
	size_t n, warm_up; /* the first of them are not measured */
};

struct spent {
	int64_t cpu, written;
};

struct stack {
	const char *folder, *service;
	bool forked;
};

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static void *must(void *memory)
{
	if (memory == NULL)
		die("memory");
	return memory;
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The logins. */

static void free_responses(struct pam_response *responses, int n)
{
	for (int i = 0; i < n; i++)
		free(responses[i].resp);
	free(responses);
}

/* Answers each prompt with the code, and reads what is only shown. */
static int answer(int n, const struct pam_message **messages, struct pam_response **ret_responses, void *code)
{
	struct pam_response *responses = must(calloc((size_t)n, sizeof(*responses)));

	for (int i = 0; i < n; i++) {
		int style = messages[i]->msg_style;

		if (style != PAM_PROMPT_ECHO_ON && style != PAM_PROMPT_ECHO_OFF)
			continue;
		if ((responses[i].resp = strdup(code)) == NULL)
			return free_responses(responses, n), PAM_BUF_ERR;
	}
	*ret_responses = responses;
	return PAM_SUCCESS;
}

/* What a wrong code costs is measured without the delay that follows it. */
static void no_delay(int code, unsigned microseconds, void *data)
{
	(void)code;
	(void)microseconds;
	(void)data;
}

static pam_handle_t *start(const struct stack *stack, const struct login *login)
{
	struct pam_conv conversation = { answer, login->code };
	pam_handle_t *pamh = NULL;
	int code = pam_start_confdir(stack->service, login->user, &conversation, stack->folder, &pamh);

	if (code == PAM_SUCCESS)
		code = pam_set_item(pamh, PAM_FAIL_DELAY, (const void *)no_delay);
	if (code == PAM_SUCCESS)
		code = pam_set_item(pamh, PAM_RHOST, "192.0.2.7"); /* RFC 5737: nobody's */
	if (code != PAM_SUCCESS) {
		fprintf(stderr, "driver: PAM does not start: code %d\n", code);
		exit(2);
	}
	return pamh;
}

static int log_in(const struct stack *stack, const struct login *login)
{
	pam_handle_t *pamh = start(stack, login);
	int code = pam_authenticate(pamh, 0);

	(void)pam_end(pamh, code);
	return code;
}

static int log_in_forked(const struct stack *stack, const struct login *login)
{
	pid_t child = fork();
	int status;

	if (child < 0)
		die("fork");
	if (child == 0)
		_exit(log_in(stack, login));
	if (waitpid(child, &status, 0) != child)
		die("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : NO_CODE;
}

static void measure(const struct stack *stack, struct login *login)
{
	login->began = now();
	login->pam_code = stack->forked ? log_in_forked(stack, login) : log_in(stack, login);
	login->took = now() - login->began;
}

/* What they cost. */

static int64_t cpu_of(int whom)
{
	struct rusage usage;

	if (getrusage(whom, &usage) != 0)
		die("getrusage");
	return ((int64_t)usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000 +
	       ((int64_t)usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000;
}

/* The kernel adds a child's to its parent's when it is reaped. */
static int64_t written(void)
{
	FILE *io = fopen("/proc/self/io", "re");
	char line[128];
	long long bytes = -1;

	if (io == NULL)
		die("/proc/self/io");
	while (fgets(line, sizeof(line), io) != NULL && sscanf(line, "write_bytes: %lld", &bytes) != 1)
		;
	fclose(io);
	return bytes;
}

static struct spent spent(void)
{
	return (struct spent){ cpu_of(RUSAGE_SELF) + cpu_of(RUSAGE_CHILDREN), written() };
}

/* The share. */

static void add(struct share *share, char *line)
{
	char *code = strchr(line, ' ');

	if (code == NULL) {
		fprintf(stderr, "driver: a line without a code\n");
		exit(2);
	}
	*code = '\0';
	share->logins = must(realloc(share->logins, (share->n + 1) * sizeof(*share->logins)));
	share->logins[share->n++] = (struct login){ .user = must(strdup(line)), .code = must(strdup(code + 1)) };
}

static struct share read_share(void)
{
	struct share share = { 0 };
	char line[512];

	while (fgets(line, sizeof(line), stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '\0')
			share.warm_up = share.n;
		else
			add(&share, line);
	}
	return share;
}

static void wait_for_the_start(void)
{
	char byte;

	puts("ready");
	fflush(stdout);
	if (read(START, &byte, 1) != 0)
		die("waiting for the start");
}

/* Measures from the first to the end, beginning none after the limit, and returns
 * where it stopped. */
static size_t measure_some(const struct stack *stack, struct share *share, size_t first, size_t end, int64_t milliseconds)
{
	int64_t limit = now() + milliseconds * 1000000;

	while (first < end && now() < limit)
		measure(stack, &share->logins[first++]);
	return first;
}

int main(int argc, char **argv)
{
	if (argc != 5 || (strcmp(argv[3], "in-process") != 0 && strcmp(argv[3], "forked") != 0)) {
		fprintf(stderr, "usage: driver FOLDER SERVICE in-process|forked MILLISECONDS\n");
		return 2;
	}

	struct stack stack = { argv[1], argv[2], strcmp(argv[3], "forked") == 0 };
	int64_t milliseconds = atoll(argv[4]);
	struct share share = read_share();

	(void)measure_some(&stack, &share, 0, share.warm_up, milliseconds / 3);
	wait_for_the_start();

	struct spent before = spent();
	size_t end = measure_some(&stack, &share, share.warm_up, share.n, milliseconds);
	struct spent after = spent();

	for (size_t i = share.warm_up; i < end; i++)
		printf("login %lld %lld %d\n", (long long)share.logins[i].began, (long long)share.logins[i].took,
		       share.logins[i].pam_code);
	printf("spent %lld %lld\n", (long long)(after.cpu - before.cpu), (long long)(after.written - before.written));
	return 0;
}
