/* 3x3 convolutions by tiles of 6x6 inputs, with what comes before and after: see lincae_studio/codecs/tiles.py; and the
   parts of a group norm in bfloat16: see lincae_studio/codecs/lincae/norms.py.

   Images are (rows, columns, channels), contiguous, in float32 unless said otherwise. A result does not depend on the number of threads: each
   tile is computed by itself, and its products are added up in the order of the channels. Compiled once per instruction
   set; channels must be multiples of WIDE, and outputs of 64. */

#include <immintrin.h>
#include <omp.h>
#include <stdint.h>
#include <string.h>

#ifdef __AVX512F__
#define WIDE 16
#define AT_ONCE 12 /* tiles, at most, of a block of products, which stays in registers */
#define LARGER(a, b) ((vec)_mm512_max_ps((__m512)(a), (__m512)(b)))
#define SMALLER(a, b) ((vec)_mm512_min_ps((__m512)(a), (__m512)(b)))
#else
#define WIDE 8
#define AT_ONCE 6
#define LARGER(a, b) ((vec)_mm256_max_ps((__m256)(a), (__m256)(b)))
#define SMALLER(a, b) ((vec)_mm256_min_ps((__m256)(a), (__m256)(b)))
#endif
#define PANEL (2 * WIDE)
#define BLOCK 64 /* outputs that are computed before they are transformed back */
#define GROUP 36 /* tiles whose points should stay in the cache; 24 to 96 differ little */
#define APART 16 /* floats between the points of a group, so that they fall on different lines of the cache */
#define POINT(channels) (GROUP * (channels) + APART) /* floats from one point of a group to the next */
#define LINE 16 /* floats of a line of the cache */
#define STEPS 4 /* channels between two requests for weights that are needed next; divides WIDE */

typedef float vec __attribute__((vector_size(4 * WIDE), aligned(4), may_alias));
typedef float reg __attribute__((vector_size(4 * WIDE)));
typedef int32_t bits __attribute__((vector_size(4 * WIDE)));
typedef uint32_t natural __attribute__((vector_size(4 * WIDE)));
typedef uint16_t narrow __attribute__((vector_size(2 * WIDE), aligned(2), may_alias));

/* The points at which polynomials are evaluated, besides 0 and infinity: A, -A, B, -B. */
#define A 0.6875f
#define B 1.5f
#define A2 (A * A)
#define B2 (B * B)

typedef struct {
    const float *x, *weights, *bias, *scale, *shift, *added; /* bias, scale with shift, added, sums may be null */
    float *out, *sums, *scratch;
    int64_t height, width, channels, outputs, repeated, threads, scratch_size, next;
} Job;

int64_t version(void) { return 2; }

/* What numbers of channels, and of outputs, must be multiples of. */
int64_t channels_multiple(void) { return WIDE; }

int64_t outputs_multiple(void) { return BLOCK; }

/* Rows of tiles that are computed at once: as many as a group has room for, or one, in several groups. */
static int64_t rows_of(int64_t columns) { return columns < GROUP ? GROUP / columns : 1; }

static int64_t strip_size(int64_t width, int64_t channels) {
    const int64_t columns = (width + 3) / 4;
    return (4 * rows_of(columns) + 2) * (4 * columns + 2) * channels + APART;
}

/* Floats of each thread's scratch memory, for images of a width. */
int64_t scratch_size(int64_t width, int64_t channels) {
    return strip_size(width, channels) + 36 * POINT(channels) + 36 * POINT(BLOCK);
}

/* x / (1 + 2^y) for y = -x / log(2), as an integer and the rest: of the powers of the rest, a polynomial is wrong by 1e-7. */
static inline reg silu(reg x) {
    const reg zero = {0}, t = SMALLER(LARGER(x, zero - 87.0f), zero + 87.0f);
    const reg n = t * -1.44269504f + 12582912.0f; /* rounds to an integer, which is in the lowest bits */
    const reg r = t * -1.44269504f - (n - 12582912.0f);
    reg p = r * 1.32647271e-3f + 9.67151265e-3f;
    p = p * r + 5.55073374e-2f;
    p = p * r + 0.240222421f;
    p = p * r + 0.693146978f;
    p = p * r + 1.0f;
    return x / (1.0f + (reg)((bits)p + ((bits)n << 23)));
}

static inline void forth(const reg in[6], reg out[6]) {
    reg even = in[4] - B2 * in[2], odd = A * in[3] - (A * B2) * in[1];
    reg even2 = in[4] - A2 * in[2], odd2 = B * in[3] - (B * A2) * in[1];
    out[0] = (A2 * B2) * in[0] - (A2 + B2) * in[2] + in[4];
    out[1] = even + odd;
    out[2] = even - odd;
    out[3] = even2 + odd2;
    out[4] = even2 - odd2;
    out[5] = (A2 * B2) * in[1] - (A2 + B2) * in[3] + in[5];
}

static inline void back(const reg in[6], reg out[4]) {
    reg sum = in[1] + in[2], difference = in[1] - in[2], sum2 = in[3] + in[4], difference2 = in[3] - in[4];
    out[0] = in[0] + sum + sum2;
    out[1] = A * difference + B * difference2;
    out[2] = A2 * sum + B2 * sum2;
    out[3] = (A * A2) * difference + (B * B2) * difference2 + in[5];
}

static inline void of_weights(const reg in[3], reg out[6]) {
    const float of_a = 1.0f / (2.0f * A2 * (A2 - B2)), of_b = 1.0f / (2.0f * B2 * (B2 - A2));
    reg even = of_a * in[0] + (of_a * A2) * in[2], odd = (of_a * A) * in[1];
    reg even2 = of_b * in[0] + (of_b * B2) * in[2], odd2 = (of_b * B) * in[1];
    out[0] = (1.0f / (A2 * B2)) * in[0];
    out[1] = even + odd;
    out[2] = even - odd;
    out[3] = even2 + odd2;
    out[4] = even2 - odd2;
    out[5] = in[2];
}

/* Weights (3, 3, channels, outputs) to their points (36, outputs / PANEL, channels, PANEL). */
void transform_weights(const float *weights, float *points, int64_t channels, int64_t outputs, int64_t threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t first = 0; first < outputs; first += PANEL)
        for (int64_t c = 0; c < channels; c++)
            for (int64_t o = 0; o < PANEL; o += WIDE) {
                const float *from = weights + c * outputs + first + o;
                float *to = points + first * channels + c * PANEL + o;
                reg partly[3][6], done[6];
                for (int i = 0; i < 3; i++) {
                    reg in[3];
                    for (int j = 0; j < 3; j++) in[j] = *(const vec *)(from + (3 * i + j) * channels * outputs);
                    of_weights(in, partly[i]);
                }
                for (int j = 0; j < 6; j++) {
                    const reg in[3] = {partly[0][j], partly[1][j], partly[2][j]};
                    of_weights(in, done);
                    for (int i = 0; i < 6; i++) *(vec *)(to + (6 * i + j) * channels * outputs) = done[i];
                }
            }
}

/* Rows of points times a panel of weights, while `next`, a part of the panel after it, comes nearer. */
static inline __attribute__((always_inline)) void product_of(const int rows, int64_t channels, const float *points,
                                                             const float *panel, const float *next, float *out) {
    reg sums[AT_ONCE][2];
#pragma GCC unroll 12
    for (int i = 0; i < rows; i++) sums[i][0] = sums[i][1] = (reg){0};
    for (int64_t c = 0; c < channels; c += STEPS) {
        for (int line = 0; line < PANEL / LINE; line++, next += LINE) __builtin_prefetch(next);
#pragma GCC unroll 4
        for (int64_t step = c; step < c + STEPS; step++) {
            const reg first = *(const vec *)(panel + step * PANEL), second = *(const vec *)(panel + step * PANEL + WIDE);
#pragma GCC unroll 12
            for (int i = 0; i < rows; i++) {
                const float factor = points[i * channels + step];
                sums[i][0] += factor * first;
                sums[i][1] += factor * second;
            }
        }
    }
#pragma GCC unroll 12
    for (int i = 0; i < rows; i++) {
        *(vec *)(out + i * BLOCK) = sums[i][0];
        *(vec *)(out + i * BLOCK + WIDE) = sums[i][1];
    }
}

static void product(int64_t rows, int64_t channels, const float *points, const float *panel, const float *next,
                    float *out) {
    switch (rows) {
#define ROWS(n) case n: product_of(n, channels, points, panel, next, out); break;
        ROWS(1) ROWS(2) ROWS(3) ROWS(4) ROWS(5) ROWS(6)
#if AT_ONCE > 6
        ROWS(7) ROWS(8) ROWS(9) ROWS(10) ROWS(11) ROWS(12)
#endif
    }
}

/* The products of all points with the block of outputs that begins at `first`. */
static void multiply(const Job *job, int64_t tiles, int64_t first, const float *points, float *products) {
    /* Tiles in blocks that differ by one at most, since small ones are slow. */
    const int64_t channels = job->channels, blocks = (tiles + AT_ONCE - 1) / AT_ONCE;
    for (int64_t point = 0; point < 36; point++)
        for (int64_t o = 0; o < BLOCK; o += PANEL) {
            const float *panel = job->weights + (point * job->outputs + first + o) * channels;
            const float *next = panel + (o + PANEL < BLOCK ? PANEL : PANEL + job->outputs - BLOCK) * channels;
            for (int64_t block = 0; block < blocks; block++) {
                const int64_t begin = tiles * block / blocks, end = tiles * (block + 1) / blocks;
                product(end - begin, channels, points + point * POINT(channels) + begin * channels, panel,
                        next + PANEL * channels * block / blocks, products + point * POINT(BLOCK) + begin * BLOCK + o);
            }
        }
}

/* A row of the enlarged image into a strip, with zeros at both ends; only zeros if it is outside. */
static void read_row(const Job *job, int64_t row, float *to, int64_t padded) {
    const int64_t channels = job->channels;
    if (row < 0 || row >= job->height) {
        memset(to, 0, padded * channels * sizeof(float));
        return;
    }
    const int64_t repeated = job->repeated, pixels = job->width / repeated;
    const float *from = job->x + row / repeated * pixels * channels;
    memset(to, 0, channels * sizeof(float));
    to += channels;
    if (job->scale)
        for (int64_t pixel = 0; pixel < pixels; pixel++)
            for (int64_t c = 0; c < channels; c += WIDE) {
                const reg scale = *(const vec *)(job->scale + c), shift = *(const vec *)(job->shift + c);
                const reg value = silu(*(const vec *)(from + pixel * channels + c) * scale + shift);
                for (int64_t i = 0; i < repeated; i++) *(vec *)(to + (pixel * repeated + i) * channels + c) = value;
            }
    else
        for (int64_t pixel = 0; pixel < job->width; pixel++)
            memcpy(to + pixel * channels, from + pixel / repeated * channels, channels * sizeof(float));
    memset(to + job->width * channels, 0, (padded - 1 - job->width) * channels * sizeof(float));
}

static void transform_tile(const float *from, int64_t row, int64_t channels, float *to) {
    for (int64_t c = 0; c < channels; c += WIDE) {
        reg partly[6][6], in[6], done[6];
        for (int i = 0; i < 6; i++) {
            for (int j = 0; j < 6; j++) in[j] = *(const vec *)(from + i * row + j * channels + c);
            forth(in, partly[i]);
        }
        for (int j = 0; j < 6; j++) {
            for (int i = 0; i < 6; i++) in[i] = partly[i][j];
            forth(in, done);
            for (int i = 0; i < 6; i++) *(vec *)(to + (6 * i + j) * POINT(channels) + c) = done[i];
        }
    }
}

/* The products of a tile to 4x4 pixels of the block of outputs that begins at `first`. */
static void write_tile(const Job *job, const float *from, int64_t row, int64_t column, int64_t first) {
    const int64_t down = job->height - row < 4 ? job->height - row : 4;
    const int64_t across = job->width - column < 4 ? job->width - column : 4;
    for (int64_t o = 0; o < BLOCK; o += WIDE) {
        reg partly[6][4], in[6], done[4][4];
        for (int i = 0; i < 6; i++) {
            for (int j = 0; j < 6; j++) in[j] = *(const vec *)(from + (6 * i + j) * POINT(BLOCK) + o);
            back(in, partly[i]);
        }
        const reg bias = job->bias ? (reg) * (const vec *)(job->bias + first + o) : (reg){0};
        for (int j = 0; j < 4; j++) {
            reg one[4];
            for (int i = 0; i < 6; i++) in[i] = partly[i][j];
            back(in, one);
            for (int i = 0; i < 4; i++) done[i][j] = one[i] + bias;
        }
        for (int i = 0; i < down; i++) {
            reg total = {0}, squares = {0};
            for (int j = 0; j < across; j++) {
                const int64_t place = ((row + i) * job->width + column + j) * job->outputs + first + o;
                reg value = done[i][j];
                if (job->added) value += *(const vec *)(job->added + place);
                *(vec *)(job->out + place) = value;
                total += value;
                squares += value * value;
            }
            if (job->sums) {
                float *sums = job->sums + (row + i) * job->outputs + first + o;
                *(vec *)sums += total;
                *(vec *)(sums + job->height * job->outputs) += squares;
            }
        }
    }
}

/* The rows of tiles from `begin` to `end`. */
static void compute_band(const Job *job, int64_t begin, int64_t end, float *scratch) {
    const int64_t columns = (job->width + 3) / 4, padded = 4 * columns + 2;
    const int64_t channels = job->channels, line = padded * channels;
    const int64_t rows = rows_of(columns);
    float *strip = scratch, *points = strip + strip_size(job->width, channels);
    float *products = points + 36 * POINT(channels);
    for (int64_t row = begin; row < end; row += rows) {
        const int64_t count = end - row < rows ? end - row : rows;
        if (row > begin) memcpy(strip, strip + 4 * rows * line, 2 * line * sizeof(float));
        for (int64_t i = row > begin ? 2 : 0; i < 4 * count + 2; i++)
            read_row(job, 4 * row - 1 + i, strip + i * line, padded);
        for (int64_t tile = 0; tile < count * columns; tile += GROUP) {
            const int64_t left = count * columns - tile, tiles = left < GROUP ? left : GROUP;
            for (int64_t n = 0; n < tiles; n++) {
                const int64_t at = tile + n;
                transform_tile(strip + 4 * (at / columns) * line + 4 * (at % columns) * channels, line, channels,
                               points + n * channels);
            }
            for (int64_t first = 0; first < job->outputs; first += BLOCK) {
                multiply(job, tiles, first, points, products);
                for (int64_t n = 0; n < tiles; n++) {
                    const int64_t y = 4 * (row + (tile + n) / columns), x = 4 * ((tile + n) % columns);
                    write_tile(job, products + n * BLOCK, y, x, first);
                }
            }
        }
    }
}

void convolve(Job *job) {
    const int64_t tile_rows = (job->height + 3) / 4, rows = rows_of((job->width + 3) / 4);
    /* Up to four bands per thread, so that none waits for another for long, but not of less than a group each. */
    int64_t bands = tile_rows / (rows * job->threads);
    bands = job->threads * (bands < 1 ? 1 : bands > 4 ? 4 : bands);
    const int64_t band = (tile_rows + bands - 1) / bands;
    if (job->sums) memset(job->sums, 0, 2 * job->height * job->outputs * sizeof(float));
#pragma omp parallel num_threads(job->threads)
    {
        float *scratch = job->scratch + omp_get_thread_num() * job->scratch_size;
        int64_t begin;
        while ((begin = __atomic_fetch_add(&job->next, band, __ATOMIC_RELAXED)) < tile_rows)
            compute_band(job, begin, begin + band < tile_rows ? begin + band : tile_rows, scratch);
    }
}

/* The sums of each row's values and of their squares, (2, height, channels), of an image. */
void row_sums(const float *x, float *sums, int64_t height, int64_t width, int64_t channels, int64_t threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t row = 0; row < height; row++)
        for (int64_t c = 0; c < channels; c += WIDE) {
            const float *from = x + row * width * channels + c;
            reg total[4] = {{0}}, squares[4] = {{0}};
            int64_t pixel = 0;
            for (; pixel + 4 <= width; pixel += 4)
                for (int i = 0; i < 4; i++) {
                    const reg value = *(const vec *)(from + (pixel + i) * channels);
                    total[i] += value;
                    squares[i] += value * value;
                }
            for (; pixel < width; pixel++) {
                const reg value = *(const vec *)(from + pixel * channels);
                total[0] += value;
                squares[0] += value * value;
            }
            *(vec *)(sums + row * channels + c) = (total[0] + total[1]) + (total[2] + total[3]);
            *(vec *)(sums + (height + row) * channels + c) = (squares[0] + squares[1]) + (squares[2] + squares[3]);
        }
}

/* bfloat16, the upper half of a float32. */
static inline reg widened(const uint16_t *from) {
    return (reg)(__builtin_convertvector(*(const narrow *)from, natural) << 16);
}

/* Rounded to the nearest, of two to the even one; what is not a number stays so. */
static inline void put_narrowed(reg value, uint16_t *to) {
    const natural whole = (natural)value, nan = (natural)(value != value);
    const natural rounded = (whole + 0x7fff + ((whole >> 16) & 1)) >> 16;
    *(narrow *)to = __builtin_convertvector((rounded & ~nan) | (nan & 0x7fc0), narrow);
}

/* The sums of values in bfloat16 and of their squares, (2, blocks, channels), of `pixels` in blocks of `size`. */
void narrow_sums(const uint16_t *x, float *sums, int64_t pixels, int64_t size, int64_t channels, int64_t threads) {
    const int64_t blocks = (pixels + size - 1) / size;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t block = 0; block < blocks; block++) {
        const int64_t end = (block + 1) * size < pixels ? (block + 1) * size : pixels;
        for (int64_t c = 0; c < channels; c += WIDE) {
            reg total[2] = {{0}}, squares[2] = {{0}};
            for (int64_t pixel = block * size; pixel < end; pixel++) {
                const reg value = widened(x + pixel * channels + c);
                total[pixel & 1] += value;
                squares[pixel & 1] += value * value;
            }
            *(vec *)(sums + block * channels + c) = total[0] + total[1];
            *(vec *)(sums + (blocks + block) * channels + c) = squares[0] + squares[1];
        }
    }
}

/* Each channel of values in bfloat16 times its scale plus its shift; then the SiLU of that, if `activated`. */
void narrow_applied(const uint16_t *x, const float *scale, const float *shift, uint16_t *out, int64_t pixels,
                    int64_t channels, int64_t activated, int64_t threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t pixel = 0; pixel < pixels; pixel++)
        for (int64_t c = 0; c < channels; c += WIDE) {
            reg value = widened(x + pixel * channels + c) * *(const vec *)(scale + c) + *(const vec *)(shift + c);
            if (activated) value = silu(value);
            put_narrowed(value, out + pixel * channels + c);
        }
}
