/* Preloaded by the tests: what libpam would write to the log goes to standard
 * error, the priority in front. */
#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>

static void log_line(int priority, const char *format, va_list arguments)
{
	fputs(LOG_PRI(priority) == LOG_ERR ? "err: " : LOG_PRI(priority) == LOG_DEBUG ? "debug: " : "other: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
}

void syslog(int priority, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_line(priority, format, arguments);
	va_end(arguments);
}

/* What syslog() is with _FORTIFY_SOURCE. */
void __syslog_chk(int priority, int flag, const char *format, ...)
{
	va_list arguments;

	(void)flag;
	va_start(arguments, format);
	log_line(priority, format, arguments);
	va_end(arguments);
}
