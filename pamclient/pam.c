/* What the module does with libpam in more than one place: log, read an item,
 * tell a failure. */

#include "pamclient.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include <security/pam_ext.h>
#include <security/pam_modules.h>

int refuse(const pam_handle_t *pamh, int code, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	pam_vsyslog(pamh, LOG_ERR, format, arguments);
	va_end(arguments);
	return code;
}

int out_of_memory(const pam_handle_t *pamh)
{
	return refuse(pamh, PAM_BUF_ERR, "out of memory");
}

int failure_code(int code)
{
	switch (code) {
	case PAM_CONV_AGAIN:
		return PAM_INCOMPLETE;
	case PAM_SUCCESS:
	case PAM_IGNORE:
	case PAM_NEW_AUTHTOK_REQD:
		return PAM_CONV_ERR;
	default:
		return code;
	}
}

const char *item(const pam_handle_t *pamh, int type)
{
	const void *value = NULL;

	if (pam_get_item(pamh, type, &value) != PAM_SUCCESS)
		return NULL;
	return value;
}

bool item_is(const pam_handle_t *pamh, int type, const char *text)
{
	const char *value = item(pamh, type);

	return value != NULL && strcmp(value, text) == 0;
}

void string_free(char **text)
{
	if (*text == NULL)
		return;
	explicit_bzero(*text, strlen(*text));
	free(*text);
}
