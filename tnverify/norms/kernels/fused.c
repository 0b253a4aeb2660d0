/* A whole blend in one call a direction, for one task on the CPU; see fused.py for who calls.

   A set is (items, channels, pixels), with pixels or channels last in memory. Tables are (items,
   channels). Small arithmetic is in double, and follows adjoint.py line by line. What is summed
   is summed in an order that hangs on sizes alone, so that neither threads nor the place of an
   item among others change a bit. Compile with contraction off, for the same reason. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

typedef int64_t whole;
typedef void (*spread)(void (*)(void *), void *, unsigned, unsigned);

enum { NO_BASE, GIVEN, BATCH };

/* As fused.py packs it: eight bytes each. */
typedef struct {
  spread parallel; /* GOMP_parallel of the OpenMP that torch itself runs on, or NULL */
  whole threads, last, items, channels, pixels;
  whole base;  /* NO_BASE, GIVEN or BATCH */
  whole group; /* channels that share their own moments, 0 where an item's own are not read */
  whole alphas;
  double eps, base_factor, own_factor; /* factors: n / (n - 1) where variances are unbiased */
  const void *x, *weight, *bias, *alpha, *g;
  void *y; /* outputs, or the derivative by x */
  void *centre, *var; /* tables: each plane's mean as its dtype has it, and its variance */
  double *base_mean, *base_var;
  const double *more_mean, *more_var; /* derivatives that came for the batch moments */
  void *by_weight, *by_bias, *by_alpha;
  double *by_base_mean, *by_base_var;
} Call;

typedef struct Job {
  const Call *call;
  void (*part)(const struct Job *, whole item, whole from, whole to, double *room);
  whole block, units, next, down, failed;
  double *rest, *total, *dot, *to_mean, *to_var; /* tables, and rows of channels */
} Job;

enum { ROOM = 14 };       /* rows of numbers that a part may use */
enum { BLOCK = 1024 };    /* values summed in their own precision */
enum { FEW = 64 };         /* the same of channels that lie last, for each of them */
enum { UNIT = 1 << 15 };  /* values that a unit of work holds, so that they stay in the cache */
enum { ALONE = 1 << 15 }; /* values that one thread sweeps sooner than two have started */

static void work(void *what) {
  Job *job = what;
  whole channels = job->call->channels, across = (channels + job->block - 1) / job->block;
  double *room = malloc(sizeof(double) * ROOM * job->block);
  if (!room) {
    __atomic_store_n(&job->failed, 1, __ATOMIC_RELAXED);
    return;
  }
  for (;;) {
    whole unit = __atomic_fetch_add(&job->next, 1, __ATOMIC_RELAXED);
    if (unit >= job->units) break;
    if (job->down) unit = job->units - 1 - unit;
    whole from = unit % across * job->block, to = from + job->block;
    job->part(job, unit / across, from, to < channels ? to : channels, room);
  }
  free(room);
}

/* `down`: from the last unit on, which the sweep before left in the cache. */
static whole run(Job *job, whole items, void (*part)(const Job *, whole, whole, whole, double *),
                 whole down) {
  const Call *c = job->call;
  job->part = part, job->down = down, job->next = 0;
  job->units = items * ((c->channels + job->block - 1) / job->block);
  if (c->threads > 1 && c->parallel && c->items * c->channels * c->pixels > ALONE)
    c->parallel(work, job, (unsigned)c->threads, 0);
  else
    work(job);
  return job->failed;
}

/* How many channels of an item are one unit of work: whole groups of them. */
static whole block_of(const Call *c) {
  whole most = UNIT / c->pixels;
  most = most > 64 ? 64 : most < 1 ? 1 : most;
  if (c->last) most = 256; /* memory is read line after line */
  if (most > c->channels) most = c->channels;
  return c->group > 1 ? c->group * (most > c->group ? most / c->group : 1) : most;
}

#define T float
#define INT int32_t
#define NAME(name) name##_float
#include "fused.h"
#undef T
#undef INT
#undef NAME
#define T double
#define INT int64_t
#define NAME(name) name##_double
#include "fused.h"
