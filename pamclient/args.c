/* The module's arguments. Whatever is not exactly right refuses: an option that
 * is skipped because of a typing error is an open door. */

#include "pamclient.h"

#include <string.h>
#include <sys/un.h>

enum { TIMEOUT_DEFAULT = 5, TIMEOUT_MAX = 60 };

static const char socket_default[] = "/run/spse-totp/pam.sock";

/* The text behind the prefix, or NULL. */
static const char *after(const char *text, const char *prefix)
{
	size_t length = strlen(prefix);

	return strncmp(text, prefix, length) == 0 ? text + length : NULL;
}

static bool read_socket(const char *text, const char **ret_path)
{
	if (text[0] != '/' || strlen(text) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return false;
	*ret_path = text;
	return true;
}

/* Names with single commas between them. libpam folds a service's name to lower
 * case, so a name with a capital in it would match nothing, silently. */
static bool read_list(const char *text, const char **ret_list)
{
	char before = ',';

	for (const char *at = text; *at != '\0'; before = *at++) {
		if (*at <= ' ' || *at > '~' || *at == '/' || (*at >= 'A' && *at <= 'Z'))
			return false;
		if (*at == ',' && before == ',')
			return false;
	}
	if (before == ',')
		return false;
	*ret_list = text;
	return true;
}

/* One or two digits, so that nothing can overflow. */
static bool read_number(const char *text, unsigned *ret_number)
{
	size_t length = strlen(text);
	unsigned number = 0;

	if (length < 1 || length > 2)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		number = number * 10 + (unsigned)(text[i] - '0');
	}
	*ret_number = number;
	return true;
}

/* Reads one argument into args, where what is not yet given is zero. */
static bool read_argument(const char *argument, struct args *args)
{
	const char *text;

	if ((text = after(argument, "socket=")) != NULL)
		return args->socket == NULL && read_socket(text, &args->socket);
	if ((text = after(argument, "services=")) != NULL)
		return args->services == NULL && read_list(text, &args->services);
	if ((text = after(argument, "account=")) != NULL)
		return args->account == NULL && read_list(text, &args->account);
	if ((text = after(argument, "split=")) != NULL)
		return args->split == 0 && read_number(text, &args->split) &&
		       (args->split == 6 || args->split == 8);
	if ((text = after(argument, "timeout=")) != NULL)
		return args->timeout == 0 && read_number(text, &args->timeout) &&
		       args->timeout >= 1 && args->timeout <= TIMEOUT_MAX;
	if (strcmp(argument, "debug") == 0 && !args->debug)
		return args->debug = true;
	return false;
}

bool args_parse(int argc, const char **argv, struct args *ret_args, const char **ret_bad)
{
	struct args args = { 0 };

	for (int i = 0; i < argc; i++) {
		if (!read_argument(argv[i], &args)) {
			*ret_bad = argv[i];
			return false;
		}
	}
	if (args.socket == NULL)
		args.socket = socket_default;
	if (args.timeout == 0)
		args.timeout = TIMEOUT_DEFAULT;
	*ret_args = args;
	return true;
}

bool list_has(const char *list, const char *name)
{
	size_t length = strlen(name);

	if (length == 0 || strchr(name, ',') != NULL)
		return false;
	while (list != NULL) {
		if (strncmp(list, name, length) == 0 && (list[length] == ',' || list[length] == '\0'))
			return true;
		list = strchr(list, ',');
		if (list != NULL)
			list++;
	}
	return false;
}

size_t split_at(const char *text, unsigned digits)
{
	size_t length = strlen(text);

	if (length <= digits)
		return length;
	for (size_t i = length - digits; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return length;
	}
	return length - digits;
}
