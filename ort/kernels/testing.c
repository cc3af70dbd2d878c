//go:build ignore

// Only TestKernels compiles this file.

#include "testing.h"

#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const kernels *tested;
int comparisons, failures;
static char name[200];

// The state of uniform's random numbers.
static unsigned long long state;

// set_name also begins the random numbers anew, from the name, so that the values of a test do
// not depend on the tests before it.
void set_name(const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(name, sizeof name, format, arguments);
	va_end(arguments);
	state = 0;
	for (const char *c = name; *c != 0; c++) state = state * 6364136223846793005 + (unsigned char)*c;
}

// Tasks that threads take, one after the other.
typedef struct {
	long next, count;
	void (*task)(void *, size_t);
	void *argument;
} queue;

static void *work(void *argument) {
	queue *q = argument;
	long i;
	while ((i = __atomic_fetch_add(&q->next, 1, __ATOMIC_RELAXED)) < q->count) q->task(q->argument, (size_t)i);
	return NULL;
}

void run_parallel(const threads *t, long count, void (*task)(void *, size_t), void *argument) {
	queue q = {.count = count, .task = task, .argument = argument};
	pthread_t *others = calloc((size_t)t->workers, sizeof *others);
	for (long i = 1; i < t->workers; i++)
		if (pthread_create(&others[i], NULL, work, &q) != 0)
			abort();
	work(&q);
	for (long i = 1; i < t->workers; i++) pthread_join(others[i], NULL);
	free(others);
}

float *new_floats(long n) {
	void *p = NULL;
	if (posix_memalign(&p, ALIGNMENT, sizeof(float) * (size_t)n) != 0)
		abort();
	for (long i = 0; i < n; i++) ((float *)p)[i] = NAN;
	return p;
}

double uniform(void) {
	state = state * 6364136223846793005 + 1442695040888963407;
	return (double)(state >> 33) / (1u << 30) - 1;
}

float *random_floats(long n, double mean, double range) {
	float *p = new_floats(n);
	for (long i = 0; i < n; i++) p[i] = mean + range * uniform();
	return p;
}

// blocked_index is where pixel p of channel c of image n is.
static long blocked_index(long n, long c, long p, long channels, long pixels) {
	const long block = tested->block;
	return ((n * (channels / block) + c / block) * pixels + p) * block + c % block;
}

float *to_blocked(const float *plain, long images, long channels, long pixels) {
	float *to = new_floats(images * channels * pixels);
	for (long n = 0; n < images; n++)
		for (long c = 0; c < channels; c++)
			for (long p = 0; p < pixels; p++) to[blocked_index(n, c, p, channels, pixels)] = *plain++;
	return to;
}

float *to_plain(const float *blocked, long images, long channels, long pixels) {
	float *to = new_floats(images * channels * pixels), *next = to;
	for (long n = 0; n < images; n++)
		for (long c = 0; c < channels; c++)
			for (long p = 0; p < pixels; p++) *next++ = blocked[blocked_index(n, c, p, channels, pixels)];
	return to;
}

void compare(const char *what, const float *got, const float *want, long n) {
	const double limit = 3e-6;
	double differences = 0, squares = 0;
	for (long i = 0; i < n; i++) {
		differences += pow((double)got[i] - want[i], 2);
		squares += pow(want[i], 2);
	}
	comparisons++;
	const double error = differences == 0 ? 0 : sqrt(differences / squares);
	if (error <= limit) // not if it is NaN
		return;
	failures++;
	printf("%s: %s differs by %.2g of its size, want at most %.2g\n", name, what, error, limit);
}

void compare_images(const char *what, const float *blocked, const float *want, const long shape[3]) {
	float *got = to_plain(blocked, shape[0], shape[1], shape[2]);
	compare(what, got, want, shape[0] * shape[1] * shape[2]);
	free(got);
}

void compare_bits(const char *what, const float *a, const float *b, long n) {
	comparisons++;
	if (memcmp(a, b, sizeof(float) * (size_t)n) == 0)
		return;
	failures++;
	printf("%s: %s has other bits in the second run\n", name, what);
}

void free_all(float *const *arrays, size_t n) {
	for (size_t i = 0; i < n; i++) free(arrays[i]);
}
