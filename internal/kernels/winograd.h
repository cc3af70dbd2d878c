// Winograd's minimal filtering F(4x4, 3x3) computes a tile of 4x4 results of a
// convolution of 3x3 out of the 6x6 pixels that it reaches with 36 products
// instead of 144 (Lavin and Gray 2016, https://arxiv.org/abs/1509.09308). With ⊙
// for products of equal places,
//
//	y = Aᵀ [(G w Gᵀ) ⊙ (Bᵀ x B)] A
//
// where the matrices evaluate polynomials at 0, ±3/4, ±3/2 and infinity, points
// that keep its rounding within twice that of the direct convolution. The
// gradient by the weight, over all tiles, is
//
//	dw = Gᵀ [Σ (Bᵀ x B) ⊙ (A dy Aᵀ)] G
//
// The products of one place are those of matrices: V[tile][input] of the images
// times U[input][output] of the weights is M[tile][output]. V and M are in the
// order [block][tile][channel of the block].

enum { tile = 4, reach = 6, places = reach * reach };

// Tiles that a product keeps the sums of in registers, and parts of so many that
// they are whole.
#if BLOCK == 16
enum { rows = 12 };
#else
enum { rows = 6 };
#endif
enum { small_part = 24, large_part = 48 };

// A grid is how images of the convolution are cut into tiles.
typedef struct {
	long down, across, tiles; // of an image; of all
} grid;

static inline grid grid_of(const convolution *c) {
	long down = round_up(c->height, tile) / tile, across = round_up(c->width, tile) / tile;
	return (grid){down, across, c->images * down * across};
}

// stride is from one place to the next of n numbers each, such that places do
// not meet in the same sets of the cache.
static inline long stride(long n) { return round_up(n, 1024) + 2 * BLOCK; }

// input_transform is Bᵀ of six vectors: the first half of it, or the second.
INLINE void input_transform(int second, const vec d[reach], vec o[reach / 2]) {
	if (second) {
		vec e = d[4] - d[2] * (9.f / 16), f = d[3] - d[1] * (9.f / 16);
		o[0] = e + f * (3.f / 2);
		o[1] = e - f * (3.f / 2);
		o[2] = d[5] - d[3] * (45.f / 16) + d[1] * (81.f / 64);
	} else {
		vec a = d[4] - d[2] * (9.f / 4), b = d[3] - d[1] * (9.f / 4);
		o[0] = d[4] - d[2] * (45.f / 16) + d[0] * (81.f / 64);
		o[1] = a + b * (3.f / 4);
		o[2] = a - b * (3.f / 4);
	}
}

// output_transform is Aᵀ of six vectors.
INLINE void output_transform(const vec d[reach], vec o[tile]) {
	vec s = d[1] + d[2], t = d[1] - d[2], u = d[3] + d[4], w = d[3] - d[4];
	o[0] = d[0] + s + u;
	o[1] = t * (3.f / 4) + w * (3.f / 2);
	o[2] = s * (9.f / 16) + u * (9.f / 4);
	o[3] = t * (27.f / 64) + w * (27.f / 8) + d[5];
}

// gradient_transform is A of four vectors.
INLINE void gradient_transform(const vec d[tile], vec o[reach]) {
	vec a = d[0] + d[2] * (9.f / 16), b = d[1] * (3.f / 4) + d[3] * (27.f / 64);
	vec e = d[0] + d[2] * (9.f / 4), f = d[1] * (3.f / 2) + d[3] * (27.f / 8);
	o[0] = d[0];
	o[1] = a + b;
	o[2] = a - b;
	o[3] = e + f;
	o[4] = e - f;
	o[5] = d[3];
}

// weight_transform is G of three vectors.
INLINE void weight_transform(const vec d[3], vec o[reach]) {
	vec a = d[0] * (-128.f / 243) - d[2] * (8.f / 27), b = d[1] * (32.f / 81);
	vec e = d[0] * (32.f / 243) + d[2] * (8.f / 27), f = d[1] * (16.f / 81);
	o[0] = d[0] * (64.f / 81);
	o[1] = a - b;
	o[2] = a + b;
	o[3] = e + f;
	o[4] = e - f;
	o[5] = d[2];
}

// weight_gradient_transform is Gᵀ of six vectors.
INLINE void weight_gradient_transform(const vec d[reach], vec o[3]) {
	vec s = d[1] + d[2], t = d[2] - d[1], u = d[3] + d[4], w = d[3] - d[4];
	o[0] = d[0] * (64.f / 81) - s * (128.f / 243) + u * (32.f / 243);
	o[1] = t * (32.f / 81) + w * (16.f / 81);
	o[2] = (u - s) * (8.f / 27) + d[5];
}

// TRANSFORM_SQUARE transforms a square of vectors along both sides into `to`,
// whose places are `apart`.
#define TRANSFORM_SQUARE(transform, from, side, results, to, apart)                    \
	do {                                                                               \
		vec half_[side][results];                                                      \
		UNROLL for (int i_ = 0; i_ < (side); i_++) transform((from)[i_], half_[i_]);   \
		UNROLL for (int j_ = 0; j_ < (results); j_++) {                                \
			vec column_[side], all_[results];                                          \
			UNROLL for (int i_ = 0; i_ < (side); i_++) column_[i_] = half_[i_][j_];    \
			transform(column_, all_);                                                  \
			UNROLL for (int i_ = 0; i_ < (results); i_++)                              \
				store((to) + (i_ * (results) + j_) * (apart), all_[i_]);               \
		}                                                                              \
	} while (0)

// A tile_at is the place of a tile: its image, row and column.
typedef struct {
	long image, y, x;
} tile_at;

static inline tile_at tile_of(const grid *g, long t) {
	long in_image = t % (g->down * g->across);
	return (tile_at){t / (g->down * g->across), in_image / g->across * tile, in_image % g->across * tile};
}

static inline tile_at after(const grid *g, tile_at t) {
	t.x += tile;
	if (t.x == g->across * tile) {
		t.x = 0;
		t.y += tile;
	}
	if (t.y == g->down * tile) {
		t.y = 0;
		t.image++;
	}
	return t;
}

// pixel_at is where a pixel of block b of the images is.
static inline long pixel_at(const convolution *c, long blocks, long b, long image, long y, long x) {
	return (((image * blocks + b) * c->height + y) * c->width + x) * BLOCK;
}

// inside is how many pixels of a tile that begins at x are within the size.
static inline long inside(long x, long size) { return size - x < tile ? size - x : tile; }

// ahead is how many tiles ahead pixels are fetched: it takes longer than
// to transform one block of channels.
static inline long ahead(long blocks) { return 1 + 3 / blocks; }

// fetch_row fetches a row of a tile that will soon be read. It takes turns with the
// arithmetic of another tile, as few pixels can be on their way at once.
INLINE void fetch_row(const float *from) { UNROLL for (int j = 0; j < tile; j++) __builtin_prefetch(from + j * BLOCK); }

// Neighbouring tiles whose pixels are read together, and the floats of a row of
// these.
enum { strip = 8, strip_row = (strip * tile + 2) * BLOCK };

INLINE void copy_pixels(const float *from, long n, int normed, vec factor, vec shift, float floor, float *to) {
	for (long p = 0; p < n * BLOCK; p += BLOCK) {
		vec v = load(from + p);
		store(to + p, normed ? norm_of(v, factor, shift, floor) : v);
	}
}

// read_strip reads the pixels of block b that n tiles need, normalised if x is to
// be. Beyond the edges they are 0.
FUNCTION static void read_strip(const convolution *c, long b, tile_at at, long n, float *to) {
	long columns = n * tile + 2, left = at.x == 0, right = c->width + 1 - at.x < columns ? c->width + 1 - at.x : columns;
	vec factor = {0}, shift = {0};
	if (c->factor != NULL) {
		factor = load(c->factor + b * BLOCK);
		shift = load(c->shift + b * BLOCK);
	}
	for (long y = at.y - 1; y < at.y - 1 + reach; y++, to += strip_row) {
		if (y < 0 || y >= c->height) {
			memset(to, 0, sizeof(float) * (size_t)(columns * BLOCK));
			continue;
		}
		const float *from = c->x + pixel_at(c, c->inputs / BLOCK, b, at.image, y, at.x - 1);
		if (left)
			store(to, (vec){0});
		if (c->factor != NULL)
			copy_pixels(from + left * BLOCK, right - left, 1, factor, shift, floor_of(&c->norm), to + left * BLOCK);
		else
			copy_pixels(from + left * BLOCK, right - left, 0, factor, shift, 0, to + left * BLOCK);
		for (long j = right; j < columns; j++) store(to + j * BLOCK, (vec){0});
	}
}

// transform_input writes Bᵀ x B of a tile of a strip, a half of the rows at a
// time, as the registers do not hold all. It fetches the tile at soon.
SEPARATE static void transform_input(const float *x, float *v, long apart, const float *soon, long row) {
	enum { half = reach / 2 };
	UNROLL for (int lower = 0; lower < 2; lower++) {
		vec rows[half][reach];
		UNROLL for (int j = 0; j < reach; j++) {
			vec column[reach], o[half];
			UNROLL for (int i = 0; i < reach; i++) column[i] = load(x + i * strip_row + j * BLOCK);
			input_transform(lower, column, o);
			UNROLL for (int i = 0; i < half; i++) rows[i][j] = o[i];
		}
		UNROLL for (int i = 0; i < half; i++) {
			if (lower * half + i < tile)
				fetch_row(soon + (lower * half + i) * row);
			UNROLL for (int right = 0; right < 2; right++) {
				vec o[half];
				input_transform(right, rows[i], o);
				UNROLL for (int j = 0; j < half; j++, v += apart) store(v, o[j]);
			}
		}
	}
}

// transform_inputs writes Bᵀ x B of n tiles from the first on: v[place][input],
// the places and the blocks of inputs apart.
FUNCTION static void transform_inputs(const convolution *c, const grid *g, long first, long n, float *v, long apart, long block_apart) {
	long blocks = c->inputs / BLOCK;
	float x[reach * strip_row];
	tile_at at = tile_of(g, first), next;
	for (long tiles; n > 0; n -= tiles, v += tiles * BLOCK, at = next) {
		tiles = g->across - at.x / tile;
		tiles = tiles < strip ? tiles : strip;
		tiles = tiles < n ? tiles : n;
		next = at;
		for (long t = 0; t < tiles; t++) next = after(g, next);
		for (long b = 0; b < blocks; b++) {
			read_strip(c, b, at, tiles, x);
			tile_at soon = next;
			for (long t = 0; t < tiles; t++, soon = after(g, soon))
				transform_input(x + t * tile * BLOCK, v + b * block_apart + t * BLOCK, apart,
				                c->x + pixel_at(c, blocks, b, soon.image, soon.y + 1, soon.x + 1), c->width * BLOCK);
		}
	}
}

// transform_gradient writes A dy Aᵀ of a tile of some rows and columns.
SEPARATE static void transform_gradient(const float *dy, long row, long rows, long columns, float *e, long apart, const float *soon) {
	vec half[reach][tile];
	UNROLL for (int j = 0; j < tile; j++) {
		vec column[tile], o[reach];
		UNROLL for (int i = 0; i < tile; i++)
			column[i] = i < rows && j < columns ? load(dy + i * row + j * BLOCK) : (vec){0};
		gradient_transform(column, o);
		UNROLL for (int i = 0; i < reach; i++) half[i][j] = o[i];
	}
	UNROLL for (int i = 0; i < reach; i++) {
		if (i < tile)
			fetch_row(soon + i * row);
		vec o[reach];
		gradient_transform(half[i], o);
		UNROLL for (int j = 0; j < reach; j++, e += apart) store(e, o[j]);
	}
}

// transform_gradients writes A dy Aᵀ of n tiles: e[place][output].
FUNCTION static void transform_gradients(const convolution *c, const grid *g, long first, long n, float *e, long apart, long block_apart) {
	long blocks = c->outputs / BLOCK;
	tile_at at = tile_of(g, first), soon = tile_of(g, first + ahead(blocks));
	for (; n > 0; n--, e += BLOCK, at = after(g, at), soon = after(g, soon))
		for (long b = 0; b < blocks; b++)
			transform_gradient(c->dy + pixel_at(c, blocks, b, at.image, at.y, at.x), c->width * BLOCK,
			                   inside(at.y, c->height), inside(at.x, c->width), e + b * block_apart, apart,
			                   c->dy + pixel_at(c, blocks, b, soon.image, soon.y, soon.x));
}

// output_tile writes Aᵀ m A, plus the bias, of a tile of some rows and columns and,
// if they are wanted, adds to the moments; the first tile of a part makes them.
INLINE void output_tile(const float *m, long apart, vec bias, float *y, long row, long rows, long columns, int measured, int first, vec moments[3]) {
	vec half[tile][reach];
	UNROLL for (int j = 0; j < reach; j++, m += apart) {
		vec column[reach], o[tile];
		UNROLL for (int i = 0; i < reach; i++) column[i] = load(m + i * reach * apart);
		output_transform(column, o);
		UNROLL for (int i = 0; i < tile; i++) half[i][j] = o[i];
	}
	UNROLL for (int i = 0; i < tile; i++) {
		vec o[tile];
		output_transform(half[i], o);
		if (measured && i == 0 && first) {
			moments[0] = o[0] + bias;
			moments[1] = moments[2] = (vec){0};
		}
		UNROLL for (int j = 0; j < tile; j++)
			if (i < rows && j < columns) {
				stream(y + i * row + j * BLOCK, o[j] + bias);
				if (measured)
					measure(o[j] + bias, moments);
			}
	}
}

SEPARATE static void write_output(const float *m, long apart, vec bias, float *y, long row, long rows, long columns) {
	output_tile(m, apart, bias, y, row, rows, columns, 0, 0, NULL);
}

SEPARATE static void write_measured(const float *m, long apart, vec bias, float *y, long row, long rows, long columns, int first, float *moments, long channels) {
	vec part[3] = {load(moments), load(moments + channels), load(moments + 2 * channels)};
	output_tile(m, apart, bias, y, row, rows, columns, 1, first, part);
	UNROLL for (int i = 0; i < 3; i++) store(moments + i * channels, part[i]);
}

// write_outputs writes Aᵀ m A, plus the bias, of n tiles, and their moments if
// these are wanted.
FUNCTION static void write_outputs(const convolution *c, const grid *g, long first, long n, const float *m, long apart, long block_apart, float *moments) {
	long blocks = c->outputs / BLOCK, pixels = 0;
	tile_at at = tile_of(g, first);
	for (long t = 0; t < n; t++, m += BLOCK, at = after(g, at)) {
		long rows = inside(at.y, c->height), columns = inside(at.x, c->width);
		pixels += rows * columns;
		for (long b = 0; b < blocks; b++) {
			const float *from = m + b * block_apart;
			float *y = c->y + pixel_at(c, blocks, b, at.image, at.y, at.x);
			vec bias = c->bias ? load(c->bias + b * BLOCK) : (vec){0};
			if (moments == NULL)
				write_output(from, apart, bias, y, c->width * BLOCK, rows, columns);
			else
				write_measured(from, apart, bias, y, c->width * BLOCK, rows, columns, t == 0, moments + b * BLOCK, c->outputs);
		}
	}
	streamed();
	for (long b = 0; b < blocks && moments != NULL; b++, moments += BLOCK) {
		vec part[3] = {load(moments), load(moments + c->outputs), load(moments + 2 * c->outputs)};
		finish_moments(pixels, part, moments, c->outputs);
	}
}

// add_products adds to the sums, of one or two blocks for each of count rows,
// the row's number, which are apart in v, times u0 and u1.
INLINE void add_products(vec *sums, int count, int blocks, const float *v, long apart, vec u0, vec u1) {
	UNROLL for (int i = 0; i < count; i++) {
		float s = v[i * apart];
		sums[i * blocks] += s * u0;
		if (blocks > 1)
			sums[i * blocks + 1] += s * u1;
	}
}

// store_sums stores them, the rows and the blocks apart.
INLINE void store_sums(const vec *sums, int count, int blocks, float *to, long apart, long block_apart) {
	UNROLL for (int i = 0; i < count; i++) {
		store(to + i * apart, sums[i * blocks]);
		if (blocks > 1)
			store(to + block_apart + i * apart, sums[i * blocks + 1]);
	}
}

// product_rows computes `rows` tiles of one or two blocks of outputs; blocks of v
// and m are apart.
INLINE void product_rows(int blocks, const float *v, long apart, long inputs, const float *u, float *m) {
	vec sums[2 * rows];
	UNROLL for (int i = 0; i < rows * blocks; i++) sums[i] = (vec){0};
	for (long b = 0; b < inputs; b += BLOCK, v += apart)
		for (int c = 0; c < BLOCK; c++) {
			vec u0 = load(u + (b + c) * BLOCK), u1 = blocks > 1 ? load(u + (inputs + b + c) * BLOCK) : u0;
			add_products(sums, rows, blocks, v + c, BLOCK, u0, u1);
		}
	store_sums(sums, rows, blocks, m, BLOCK, apart);
}

// product writes M = V·U of one place, whole rows of tiles: u is
// [output block][input][block].
FUNCTION static void product(const convolution *c, long tiles, const float *v, const float *u, float *m, long apart) {
	for (long b = 0; b < c->outputs; b += 2 * BLOCK, m += 2 * apart)
		for (long t = 0; t < tiles; t += rows)
			if (b + BLOCK < c->outputs)
				product_rows(2, v + t * BLOCK, apart, c->inputs, u + b * c->inputs, m + t * BLOCK);
			else
				product_rows(1, v + t * BLOCK, apart, c->inputs, u + b * c->inputs, m + t * BLOCK);
}

// What a convolution is made of while it runs. Workers take the next part of
// the tiles until none is left; each has its own v and m.
typedef struct {
	const convolution *of;
	grid g;
	long part, parts, next; // tiles of a part, parts, the next of them
	long u_apart, v_apart, m_apart;
	float *u, *v, *m;
} conv_run;

// tiles_of_a_part keep v and m of a worker in its share of the cache, where the
// weights also have to be; bench/step found it.
static long tiles_of_a_part(const convolution *c) { return c->inputs + c->outputs > 64 ? small_part : large_part; }

static conv_run conv_run_of(const convolution *c, float *scratch) {
	conv_run r = {.of = c, .g = grid_of(c), .part = tiles_of_a_part(c)};
	r.parts = (r.g.tiles + r.part - 1) / r.part;
	r.u_apart = stride(c->inputs * c->outputs);
	r.v_apart = stride(r.part * c->inputs);
	r.m_apart = stride(r.part * c->outputs);
	r.u = scratch;
	r.v = r.u + places * r.u_apart;
	return r;
}

static size_t winograd_conv_scratch(const convolution *c, long workers) {
	conv_run r = conv_run_of(c, NULL);
	workers = workers < r.parts ? workers : r.parts;
	return sizeof(float) * places * (r.u_apart + workers * (r.v_apart + r.m_apart));
}

// transform_weights writes G w Gᵀ for block b of outputs.
FUNCTION static void transform_weights(void *run, size_t b) {
	conv_run *r = run;
	const convolution *c = r->of;
	for (long i = 0; i < c->inputs; i++) {
		float elements[9][BLOCK];
		for (long o = 0; o < BLOCK; o++) {
			long output = (long)b * BLOCK + o;
			const float *w = c->weight + 9 * (c->turned ? i * c->outputs + output : output * c->inputs + i);
			for (int k = 0; k < 9; k++)
				elements[k][o] = w[c->turned ? 8 - k : k];
		}
		vec square[3][3];
		UNROLL for (int k = 0; k < 9; k++) square[k / 3][k % 3] = load(elements[k]);
		TRANSFORM_SQUARE(weight_transform, square, 3, reach, r->u + ((long)b * c->inputs + i) * BLOCK, r->u_apart);
	}
}

FUNCTION static void convolve_parts(void *run, size_t worker) {
	conv_run *r = run;
	float *v = r->v + (long)worker * places * (r->v_apart + r->m_apart), *m = v + places * r->v_apart;
	long part;
	while ((part = __atomic_fetch_add(&r->next, 1, __ATOMIC_RELAXED)) < r->parts) {
		long first = part * r->part, n = r->g.tiles - first < r->part ? r->g.tiles - first : r->part;
		long block_apart = r->part * BLOCK;
		transform_inputs(r->of, &r->g, first, n, v, r->v_apart, block_apart);
		for (int p = 0; p < places; p++)
			product(r->of, n, v + p * r->v_apart, r->u + p * r->u_apart, m + p * r->m_apart, block_apart);
		write_outputs(r->of, &r->g, first, n, m, r->m_apart, block_apart,
		              r->of->moments == NULL ? NULL : r->of->moments + part * 3 * r->of->outputs);
	}
}

static void winograd_conv(const convolution *c, const pool *p, float *scratch) {
	conv_run r = conv_run_of(c, scratch);
	p->run(p, c->outputs / BLOCK, transform_weights, &r);
	p->run(p, p->workers < r.parts ? p->workers : r.parts, convolve_parts, &r);
}

// What a gradient by the weight is made of while it runs: parts of the tiles are
// transformed, and their products added to the sums of each place.
//
// With few channels and many tiles there are lanes, each with a share of the
// tiles, done one part after the other, and sums of its own. Else, where the sums
// of all lanes would cost too much, there is one, and its parts are done by all
// workers together. The sums do not depend on the number of workers.
typedef struct {
	const convolution *of;
	grid g;
	long lanes, share;                   // lanes, tiles of each
	long part, first, n;                 // tiles of a part, the current part
	long v_apart, e_apart, sum_apart;
	float *v, *e, *sums;                 // sums [lane][place][input][output]
} grad_run;

enum { group = 16 }; // tiles that one worker transforms of a part

static grad_run grad_run_of(const convolution *c, float *scratch) {
	enum { lanes = 16, narrow = 64 * 64, least = 256, wanted = 1 << 20 }; // wanted: floats of a part's v and e
	grad_run r = {.of = c, .g = grid_of(c), .lanes = 1};
	r.part = large_part;
	if (c->inputs * c->outputs <= narrow && r.g.tiles >= 2 * lanes * r.part) {
		r.lanes = lanes;
	} else {
		long fit = wanted / (places * (c->inputs + c->outputs)) / group * group;
		r.part = fit > least ? fit : least;
	}
	r.share = (r.g.tiles + r.lanes - 1) / r.lanes;
	r.part = r.part < r.share ? r.part : r.share;
	r.v_apart = stride(r.part * c->inputs);
	r.e_apart = stride(r.part * c->outputs);
	r.sum_apart = stride(c->inputs * c->outputs);
	r.sums = scratch;
	r.v = r.sums + r.lanes * places * r.sum_apart;
	r.e = r.v + r.lanes * places * r.v_apart;
	return r;
}

static size_t winograd_grad_scratch(const convolution *c, long workers) {
	(void)workers;
	grad_run r = grad_run_of(c, NULL);
	return sizeof(float) * places * r.lanes * (r.sum_apart + r.v_apart + r.e_apart);
}

// sum_rows adds Vᵀ·E for a block of inputs, or half of one with two blocks of
// outputs; those of e are apart.
INLINE void sum_rows(int blocks, long tiles, const float *v, const float *e, long apart, float *sum, long outputs) {
	const int inputs = BLOCK / blocks;
	vec sums[BLOCK];
	UNROLL for (int i = 0; i < inputs; i++) {
		sums[i * blocks] = load(sum + i * outputs);
		if (blocks > 1)
			sums[i * blocks + 1] = load(sum + i * outputs + BLOCK);
	}
	for (long t = 0; t < tiles; t++) {
		vec e0 = load(e + t * BLOCK), e1 = blocks > 1 ? load(e + apart + t * BLOCK) : e0;
		add_products(sums, inputs, blocks, v + t * BLOCK, 1, e0, e1);
	}
	store_sums(sums, inputs, blocks, sum, outputs, BLOCK);
}

// sum_products adds the products of n tiles of one place.
FUNCTION static void sum_products(const convolution *c, long n, const float *v, const float *e, long apart, float *sum) {
	for (long b = 0; b < c->outputs; b += 2 * BLOCK, e += 2 * apart)
		for (long i = 0; i < c->inputs; i += BLOCK) {
			const float *from = v + i / BLOCK * apart;
			float *to = sum + i * c->outputs + b;
			if (b + BLOCK < c->outputs) {
				sum_rows(2, n, from, e, apart, to, c->outputs);
				sum_rows(2, n, from + BLOCK / 2, e, apart, to + BLOCK / 2 * c->outputs, c->outputs);
			} else {
				sum_rows(1, n, from, e, apart, to, c->outputs);
			}
		}
}

// sum_lane does all tiles of a lane.
FUNCTION static void sum_lane(void *run, size_t lane) {
	grad_run *r = run;
	const convolution *c = r->of;
	float *sums = r->sums + (long)lane * places * r->sum_apart;
	float *v = r->v + (long)lane * places * r->v_apart, *e = r->e + (long)lane * places * r->e_apart;
	memset(sums, 0, sizeof(float) * (size_t)(places * r->sum_apart));
	long first = (long)lane * r->share, end = first + r->share < r->g.tiles ? first + r->share : r->g.tiles;
	for (; first < end; first += r->part) {
		long n = end - first < r->part ? end - first : r->part;
		transform_inputs(c, &r->g, first, n, v, r->v_apart, r->part * BLOCK);
		transform_gradients(c, &r->g, first, n, e, r->e_apart, r->part * BLOCK);
		for (long p = 0; p < places; p++)
			sum_products(c, n, v + p * r->v_apart, e + p * r->e_apart, r->part * BLOCK, sums + p * r->sum_apart);
	}
}

// join_lanes adds the sums of one place of all lanes to those of the first.
FUNCTION static void join_lanes(void *run, size_t place) {
	grad_run *r = run;
	float *sum = r->sums + (long)place * r->sum_apart;
	for (long lane = 1; lane < r->lanes; lane++) {
		const float *other = sum + lane * places * r->sum_apart;
		for (long i = 0; i < r->of->inputs * r->of->outputs; i += BLOCK) store(sum + i, load(sum + i) + load(other + i));
	}
}

FUNCTION static void transform_group(void *run, size_t i) {
	grad_run *r = run;
	long t = (long)i * group, n = r->n - t < group ? r->n - t : group;
	transform_inputs(r->of, &r->g, r->first + t, n, r->v + t * BLOCK, r->v_apart, r->part * BLOCK);
	transform_gradients(r->of, &r->g, r->first + t, n, r->e + t * BLOCK, r->e_apart, r->part * BLOCK);
}

FUNCTION static void sum_place(void *run, size_t p) {
	grad_run *r = run;
	float *sum = r->sums + (long)p * r->sum_apart;
	if (r->first == 0)
		memset(sum, 0, sizeof(float) * (size_t)r->sum_apart);
	sum_products(r->of, r->n, r->v + (long)p * r->v_apart, r->e + (long)p * r->e_apart, r->part * BLOCK, sum);
}

// write_weights writes Gᵀ sum G for block b of outputs.
FUNCTION static void write_weights(void *run, size_t b) {
	grad_run *r = run;
	const convolution *c = r->of;
	for (long i = 0; i < c->inputs; i++) {
		const float *from = r->sums + i * c->outputs + (long)b * BLOCK;
		vec square[reach][reach];
		UNROLL for (int p = 0; p < places; p++) square[p / reach][p % reach] = load(from + p * r->sum_apart);
		float elements[9 * BLOCK];
		TRANSFORM_SQUARE(weight_gradient_transform, square, reach, 3, elements, BLOCK);
		for (long o = 0; o < BLOCK; o++)
			for (int k = 0; k < 9; k++)
				c->dweight[9 * (((long)b * BLOCK + o) * c->inputs + i) + k] = elements[k * BLOCK + o];
	}
}

static void winograd_grad(const convolution *c, const pool *p, float *scratch) {
	grad_run r = grad_run_of(c, scratch);
	if (r.lanes > 1) {
		p->run(p, r.lanes, sum_lane, &r);
		p->run(p, places, join_lanes, &r);
	} else {
		for (; r.first < r.g.tiles; r.first += r.part) {
			r.n = r.g.tiles - r.first < r.part ? r.g.tiles - r.first : r.part;
			p->run(p, (r.n + group - 1) / group, transform_group, &r);
			p->run(p, places, sum_place, &r);
		}
	}
	p->run(p, c->outputs / BLOCK, write_weights, &r);
}
