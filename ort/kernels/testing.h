// What kernels_test.c is made of: threads, arrays and comparisons.

#ifndef ONNXLAB_TESTING_H
#define ONNXLAB_TESTING_H

#include <stddef.h>

#include "kernels.h"

extern const kernels *tested;     // the kernels that are compared
extern int comparisons, failures; // so far

// set_name names the case that runs, as printf does, for what is printed about it.
void set_name(const char *format, ...) __attribute__((format(printf, 1, 2)));

// run_parallel is a parallel_for with as many threads as there are workers.
void run_parallel(const threads *, long count, void (*task)(void *, size_t), void *argument);

// new_floats allocates exactly n floats, so that AddressSanitizer sees what is read or
// written beyond them. They are NaN: no result may stay so or depend on it.
float *new_floats(long n);

// random_floats are uniform in mean ± range. uniform returns a number in −1..1.
float *random_floats(long n, double mean, double range);
double uniform(void);

// to_blocked copies plain images, and to_plain blocked ones of the tested kernels.
float *to_blocked(const float *plain, long images, long channels, long pixels);
float *to_plain(const float *blocked, long images, long channels, long pixels);

// compare wants the root mean square of the differences to be at most 3e-6 times that of
// the wanted values. Winograd's algorithm comes to 1.6e-6.
void compare(const char *what, const float *got, const float *want, long n);

// compare_images does the same for blocked and plain images of shape [images, channels,
// pixels].
void compare_images(const char *what, const float *blocked, const float *want, const long shape[3]);

// compare_bits wants the same bits from two runs.
void compare_bits(const char *what, const float *a, const float *b, long n);

// FREE frees all its arguments.
#define FREE(...) free_all((float *[]){__VA_ARGS__}, sizeof((float *[]){__VA_ARGS__}) / sizeof(float *))
void free_all(float *const *arrays, size_t n);

#endif
