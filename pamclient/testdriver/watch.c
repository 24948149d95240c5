/* Preloaded by the tests: aborts when a block of memory that holds the text of
 * the environment's WATCH is given back. */
#include <execinfo.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

extern void __libc_free(void *block);

void free(void *block)
{
	const char *text = getenv("WATCH");

	if (block != NULL && text != NULL && memmem(block, malloc_usable_size(block), text, strlen(text)) != NULL) {
		void *callers[16];

		backtrace_symbols_fd(callers, backtrace(callers, 16), 2);
		abort();
	}
	__libc_free(block);
}
