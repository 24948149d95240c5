/*
 * A directory server, as glibc asks it by NSS: one group, and its members. The
 * file DIRECTORY (an environment variable, or else a fixed path) holds, at each
 * question, in words:
 *
 *   up MEMBER...     it answers
 *   large MEMBER...  it answers, and the group takes 2 MiB
 *   huge MEMBER...   it answers, and there is no end to the group
 *   busy MEMBER...   it does not tell of a user's groups, and tells of the group
 *   notfound         it knows of none, as a cache does whose server is away
 *   unavail, again   it fails, as when nothing listens, or a time limit passed
 *
 * Built as libnss_SERVICE.so.2, where SERVICE stands in nsswitch.conf(5). Where
 * that file is not the tests' own, the library is preloaded, and takes the line
 * of the groups from DIRECTORY_LINE.
 */
#include <errno.h>
#include <grp.h>
#include <nss.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME(service, function) NAME_OF(service, function)
#define NAME_OF(service, function) _nss_##service##_##function

enum { GID = 40000, MEMBERS_MAX = 8, WORD_SIZE = 32, LARGE = 2 * 1024 * 1024 };

struct directory {
	char state[WORD_SIZE];
	char members[MEMBERS_MAX][WORD_SIZE];
	int n;
};

static struct directory look(void)
{
	const char *path = getenv("DIRECTORY");
	FILE *file = fopen(path != NULL ? path : "/run/stage/directory", "re");
	struct directory d = { .state = "unavail" };

	if (file == NULL)
		return d;
	if (fscanf(file, "%31s", d.state) == 1) {
		while (d.n < MEMBERS_MAX && fscanf(file, "%31s", d.members[d.n]) == 1)
			d.n++;
	}
	fclose(file);
	return d;
}

static bool is(const struct directory *d, const char *state)
{
	return strcmp(d->state, state) == 0;
}

/* What it answers when asked for something that it has. */
static enum nss_status answer(const struct directory *d, int *errnop)
{
	if (is(d, "up") || is(d, "large") || is(d, "huge") || is(d, "busy"))
		return NSS_STATUS_SUCCESS;
	if (is(d, "notfound"))
		return *errnop = 0, NSS_STATUS_NOTFOUND;
	if (is(d, "again"))
		return *errnop = ETIMEDOUT, NSS_STATUS_TRYAGAIN;
	return *errnop = ECONNREFUSED, NSS_STATUS_UNAVAIL;
}

enum nss_status NAME(SERVICE, getgrgid_r)(gid_t gid, struct group *entry, char *buffer, size_t size, int *errnop)
{
	struct layout {
		char *list[MEMBERS_MAX + 1];
		struct directory d;
	} *layout = (struct layout *)buffer; /* glibc's and the module's buffers are malloc's */
	struct directory d = look();
	enum nss_status status = answer(&d, errnop);

	if (status != NSS_STATUS_SUCCESS)
		return status;
	if (gid != GID)
		return *errnop = 0, NSS_STATUS_NOTFOUND;
	if (size < sizeof(*layout) || (is(&d, "large") && size < LARGE) || is(&d, "huge"))
		return *errnop = ERANGE, NSS_STATUS_TRYAGAIN;
	*layout = (struct layout){ .d = d };
	for (int i = 0; i < d.n; i++)
		layout->list[i] = layout->d.members[i];
	*entry = (struct group){ .gr_name = "direktori", .gr_passwd = "x", .gr_gid = gid, .gr_mem = layout->list };
	return NSS_STATUS_SUCCESS;
}

enum nss_status NAME(SERVICE, initgroups_dyn)(const char *user, gid_t primary, long *start, long *size, gid_t **gids,
					      long limit, int *errnop)
{
	struct directory d = look();
	enum nss_status status = is(&d, "busy") ? NSS_STATUS_UNAVAIL : answer(&d, errnop);

	(void)primary;
	if (status != NSS_STATUS_SUCCESS)
		return status;
	for (int i = 0; i < d.n; i++) {
		if (strcmp(d.members[i], user) != 0 || *start == limit)
			continue;
		if (*start == *size) {
			gid_t *more = realloc(*gids, (size_t)(2 * *size) * sizeof(**gids));

			if (more == NULL)
				return *errnop = ENOMEM, NSS_STATUS_TRYAGAIN;
			*gids = more;
			*size *= 2;
		}
		(*gids)[(*start)++] = GID;
	}
	return NSS_STATUS_SUCCESS;
}

__attribute__((constructor)) static void configure(void)
{
	const char *line = getenv("DIRECTORY_LINE");

	if (line != NULL && __nss_configure_lookup("group", line) != 0)
		abort();
}
