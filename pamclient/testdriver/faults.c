/*
 * Preloaded by the tests: makes one call fail, within the calls into PAM.
 *
 *   FAULT_CALL    the function            FAULT_AT     which call of it, from 1
 *   FAULT_CALLER  part of the name of the object that must call it; empty: any
 *
 * With ASan its allocator stands in front of this file's, so malloc, calloc and
 * strdup do not fail there.
 */
#include <dlfcn.h>
#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <security/pam_modules.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);

static bool armed, fired;
static int calls;

void faults_arm(bool arm)
{
	armed = arm;
}

bool faults_fired(void)
{
	return fired;
}

static bool called_by(const char *object, void *return_address)
{
	Dl_info info;

	if (object == NULL || object[0] == '\0')
		return true;
	return dladdr(return_address, &info) != 0 && strstr(info.dli_fname, object) != NULL;
}

static bool fails(const char *name, void *return_address)
{
	const char *wanted = getenv("FAULT_CALL"), *at = getenv("FAULT_AT");

	if (!armed || wanted == NULL || at == NULL || strcmp(wanted, name) != 0)
		return false;
	if (!called_by(getenv("FAULT_CALLER"), return_address) || ++calls != atoi(at))
		return false;
	return fired = true;
}

void *malloc(size_t size)
{
	if (fails("malloc", __builtin_return_address(0)))
		return errno = ENOMEM, NULL;
	return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	if (fails("calloc", __builtin_return_address(0)))
		return errno = ENOMEM, NULL;
	return __libc_calloc(n, size);
}

char *strdup(const char *text)
{
	char *copy;

	if (fails("strdup", __builtin_return_address(0)))
		return errno = ENOMEM, NULL;
	copy = __libc_malloc(strlen(text) + 1);
	return copy == NULL ? NULL : strcpy(copy, text);
}

/* Without dlsym, which allocates: newer sanitizers ask for the time within malloc. */
int clock_gettime(clockid_t clock, struct timespec *time)
{
	if (fails("clock_gettime", __builtin_return_address(0)))
		return errno = EIO, -1;
	return (int)syscall(SYS_clock_gettime, clock, time);
}

/* FAULT(result, name, failure, parameters, arguments): fails with EIO. */
#define FAULT(result, name, failure, parameters, arguments)                                   \
	result name parameters                                                                \
	{                                                                                     \
		result(*real) parameters = (result(*) parameters)dlsym(RTLD_NEXT, #name);     \
		if (fails(#name, __builtin_return_address(0)))                                \
			return errno = EIO, failure;                                          \
		return real arguments;                                                        \
	}

FAULT(int, socket, -1, (int domain, int type, int protocol), (domain, type, protocol))
FAULT(int, connect, -1, (int fd, const struct sockaddr *address, socklen_t size), (fd, address, size))
FAULT(int, setsockopt, -1, (int fd, int level, int name, const void *value, socklen_t size),
      (fd, level, name, value, size))
FAULT(ssize_t, send, -1, (int fd, const void *bytes, size_t size, int flags), (fd, bytes, size, flags))
FAULT(ssize_t, recv, -1, (int fd, void *bytes, size_t size, int flags), (fd, bytes, size, flags))
FAULT(int, poll, -1, (struct pollfd *fds, nfds_t n, int timeout), (fds, n, timeout))
FAULT(int, getpwnam_r, EIO,
      (const char *name, struct passwd *entry, char *buffer, size_t size, struct passwd **result),
      (name, entry, buffer, size, result))
FAULT(int, getgrouplist, -1, (const char *name, gid_t gid, gid_t *groups, int *n), (name, gid, groups, n))
FAULT(int, getgrgid_r, EIO,
      (gid_t gid, struct group *entry, char *buffer, size_t size, struct group **result),
      (gid, entry, buffer, size, result))
FAULT(int, pam_set_data, PAM_BUF_ERR,
      (pam_handle_t * pamh, const char *name, void *data, void (*cleanup)(pam_handle_t *, void *, int)),
      (pamh, name, data, cleanup))
FAULT(int, pam_set_item, PAM_BUF_ERR, (pam_handle_t * pamh, int type, const void *item), (pamh, type, item))
