/*
 * The machine's limit for the kernels: the same products and passes in C over weights in the same packed layout, in vectors
 * that the compiler makes the widest instructions of (-O3 -march=native). A line "kind features units batch time ms" in, the nanoseconds of one call out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LANES = 16 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

static float *numbers(long count, float scale) {
  float *values = aligned_alloc(64, (size_t)(count * 4 + 63) / 64 * 64);
  for (long k = 0; k < count; k++) values[k] = scale * (2 * (float)rand() / (float)RAND_MAX - 1);
  return values;
}

/* 16 numbers: one register of AVX-512, two of AVX2, four of SSE. */
typedef float vector __attribute__((vector_size(64), may_alias));
typedef int integers __attribute__((vector_size(64), may_alias));

static inline vector at(const float *p) { return *(const vector *)p; }
static inline void put(float *p, vector v) { *(vector *)p = v; }

/* sums[row] = start[row] + matrix.x[row]; panels of 16 columns, an even number of them; sums may be start. */
static void product(const float *matrix, int inner, int panels, const float *x, const float *start, long start_stride, float *sums,
                    long stride, int rows) {
  long size = (long)inner * LANES;
  if (rows == 1) {
    for (int p = 0; p + 4 <= panels; p += 4, matrix += 4 * size, start += 4 * LANES, sums += 4 * LANES) {
      vector a = at(start), b = at(start + LANES), c = at(start + 2 * LANES), d = at(start + 3 * LANES);
      const float *w = matrix;
      for (int k = 0; k < inner; k++, w += LANES) {
        a += at(w) * x[k], b += at(w + size) * x[k], c += at(w + 2 * size) * x[k], d += at(w + 3 * size) * x[k];
      }
      put(sums, a), put(sums + LANES, b), put(sums + 2 * LANES, c), put(sums + 3 * LANES, d);
    }
    return;
  }
  for (int p = 0; p + 2 <= panels; p += 2, matrix += 2 * size, start += 2 * LANES, sums += 2 * LANES) {
    for (int row = 0; row + 4 <= rows; row += 4) {
      vector a[4], b[4];
      const float *w = matrix, *xr = x + (long)row * inner;
      for (int r = 0; r < 4; r++) {
        a[r] = at(start + (row + r) * start_stride), b[r] = at(start + (row + r) * start_stride + LANES);
      }
      for (int k = 0; k < inner; k++, w += LANES) {
        vector v = at(w), u = at(w + size);
        for (int r = 0; r < 4; r++) a[r] += v * xr[k + (long)r * inner], b[r] += u * xr[k + (long)r * inner];
      }
      for (int r = 0; r < 4; r++) put(sums + (row + r) * stride, a[r]), put(sums + (row + r) * stride + LANES, b[r]);
    }
  }
}

/* e^x for |x| < 80 by the kernels' polynomial. */
static inline vector exponential(vector x) {
  vector shifted = x * 1.44269504f + 12582912.f, n = shifted - 12582912.f;
  vector r = n * 2.12194440e-4f + (n * -0.693359375f + x);
  vector p = ((((r * 1.9875691500e-4f + 1.3981999507e-3f) * r + 8.3334519073e-3f) * r + 4.1665795894e-2f) * r + 1.6666665459e-1f) * r +
             5.0000001201e-1f;
  p = p * (r * r) + r + 1.f;
  return (vector)((integers)p + ((integers)shifted << 23));
}

static inline vector sigmoid(vector x) { return 1.f / (1.f + exponential(-x)); }
static inline vector hyperbolic(vector x) { return 1.f - 2.f / (exponential(x + x) + 1.f); }

static void lstm_pass(const float *z, float *c, float *h, int units) {
  for (int u = 0; u < units; u += LANES) {
    vector next = sigmoid(at(z + units + u)) * at(c + u) + sigmoid(at(z + u)) * hyperbolic(at(z + 2 * units + u));
    put(c + u, next);
    put(h + u, sigmoid(at(z + 3 * units + u)) * hyperbolic(next));
  }
}

static void gru_pass(const float *z, const float *s, float *h, int units) {
  for (int u = 0; u < units; u += LANES) {
    vector update = sigmoid(at(z + u) + at(s + u)), reset = sigmoid(at(z + units + u) + at(s + units + u));
    vector candidate = hyperbolic(at(z + 2 * units + u) + reset * at(s + 2 * units + u));
    put(h + u, update * at(h + u) + (1 - update) * candidate);
  }
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

int main(void) {
  char kind[8];
  int features, units, batch, steps;
  double ms;
  while (scanf("%7s %d %d %d %d %lf", kind, &features, &units, &batch, &steps, &ms) == 6) {
    int lstm = kind[0] == 'l', columns = (lstm ? 4 : 3) * units, panels = columns / LANES;
    float *W = numbers((long)features * columns, .05f), *U = numbers((long)units * columns, .05f), *b = numbers(columns, .1f);
    float *x = numbers((long)steps * batch * features, 1), *z = numbers((long)steps * batch * columns, 1);
    float *s = numbers((long)batch * columns, 1), *h = numbers((long)batch * units, 1), *c = numbers((long)batch * units, 1);
    double *samples = malloc(sizeof(double) * 1000000), end = now() + ms * 1e6;
    int count = 0, inner = 1;
    while ((now() < end || count == 0) && count < 1000000) {
      double start = now();
      for (int call = 0; call < inner; call++) {
        product(W, features, panels, x, b, 0, z, columns, steps * batch);
        for (int t = 0; t < steps; t++) {
          float *zt = z + (long)t * batch * columns;
          if (lstm) product(U, units, panels, h, zt, columns, zt, columns, batch);
          else product(U, units, panels, h, b, 0, s, columns, batch);
          for (int row = 0; row < batch; row++) {
            if (lstm) lstm_pass(zt + (long)row * columns, c + (long)row * units, h + (long)row * units, units);
            else gru_pass(zt + (long)row * columns, s + (long)row * columns, h + (long)row * units, units);
          }
        }
      }
      double took = now() - start;
      if (took < 2e5) inner *= 2;
      else samples[count++] = took / inner;
    }
    qsort(samples, (size_t)count, sizeof(double), compare);
    printf("%.1f\n", samples[count / 2]);
    fflush(stdout);
    free(W), free(U), free(b), free(x), free(z), free(s), free(h), free(c), free(samples);
  }
  return 0;
}
