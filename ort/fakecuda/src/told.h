// told appends a line to the file that FAKECUDA_LOG names, if it names one.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static FILE *file;

// The file is open before any thread can call told.
__attribute__((constructor)) static void open_log(void) {
	const char *path = getenv("FAKECUDA_LOG");
	if (path)
		file = fopen(path, "a");
}

static void told(const char *format, ...) {
	if (!file)
		return;
	va_list values;
	va_start(values, format);
	flockfile(file);
	vfprintf(file, format, values);
	putc('\n', file);
	fflush(file);
	funlockfile(file);
	va_end(values);
}
