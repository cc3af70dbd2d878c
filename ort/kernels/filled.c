//go:build (amd64 || arm64) && !windows

#include "filled.h"

#include <string.h>

#include "sizes.h"

int64_t onnxlab_filled(const call *c, int64_t channels) { return round_up(channels, c->attributes->block); }

void onnxlab_fill_shape(const call *c, tensor *t, size_t dimensions) {
	for (size_t i = 0; i < dimensions && i < t->rank && t->rank <= MAX_RANK; i++)
		t->shape[i] = onnxlab_filled(c, t->shape[i]);
}

// is_filled tells whether the first sizes of a shape are whole blocks.
static int is_filled(const call *c, const int64_t *shape, size_t dimensions) {
	for (size_t i = 0; i < dimensions; i++)
		if (shape[i] != onnxlab_filled(c, shape[i]))
			return 0;
	return 1;
}

// rows_of sets the number of rows of a parameter and returns the floats in a row. If two
// dimensions are filled, the rows are the outermost one; otherwise there is one row.
static int64_t rows_of(const int64_t *shape, size_t rank, size_t dimensions, int64_t *rows) {
	int64_t floats = 1;
	for (size_t i = dimensions - 1; i < rank; i++) floats *= shape[i];
	*rows = dimensions > 1 ? shape[0] : 1;
	return floats;
}

// new_fill allocates a zeroed copy of a parameter of this shape, rounded up to whole blocks of
// channels. The run keeps it.
static OrtStatus *new_fill(const call *c, const int64_t *shape, size_t rank, size_t dimensions, fill **result) {
	tensor filled = {.rank = rank};
	memcpy(filled.shape, shape, rank * sizeof *shape);
	onnxlab_fill_shape(c, &filled, dimensions);
	int64_t rows;
	fill f = {.to = NULL};
	f.filled_row = rows_of(filled.shape, rank, dimensions, &rows);
	TRY(onnxlab_new_scratch(c->run, sizeof(float) * (size_t)(rows * f.filled_row), &f.memory));
	memset(f.memory.data, 0, sizeof(float) * (size_t)(rows * f.filled_row));
	f.row = rows_of(shape, rank, dimensions, &f.rows);
	*result = &c->fills->list[c->fills->count++];
	**result = f;
	return NULL;
}

OrtStatus *onnxlab_fill(const call *c, tensor *t, size_t dimensions) {
	if (t->data == NULL || t->rank < dimensions || t->rank > MAX_RANK || is_filled(c, t->shape, dimensions))
		return NULL;
	fill *f;
	TRY(new_fill(c, t->shape, t->rank, dimensions, &f));
	for (int64_t i = 0; i < f->rows; i++)
		memcpy(f->memory.data + i * f->filled_row, (const float *)t->data + i * f->row, sizeof(float) * (size_t)f->row);
	t->data = f->memory.data;
	onnxlab_fill_shape(c, t, dimensions);
	return NULL;
}

OrtStatus *onnxlab_new_filled(const call *c, size_t index, const int64_t *shape, size_t rank, size_t dimensions, float **data) {
	float *to = NULL;
	TRY(onnxlab_new_output(c->run, index, shape, rank, &to));
	*data = to;
	if (to == NULL || is_filled(c, shape, dimensions))
		return NULL;
	fill *f;
	TRY(new_fill(c, shape, rank, dimensions, &f));
	f->to = to;
	*data = f->memory.data;
	return NULL;
}

void onnxlab_end_fills(const run *r, fills *all, const OrtStatus *error) {
	for (int i = 0; i < all->count; i++) {
		fill *f = &all->list[i];
		for (int64_t row = 0; f->to != NULL && error == NULL && row < f->rows; row++)
			memcpy(f->to + row * f->row, f->memory.data + row * f->filled_row, sizeof(float) * (size_t)f->row);
		onnxlab_free_scratch(r, &f->memory);
	}
}
