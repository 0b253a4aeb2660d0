/* fused.c for one dtype of activations: T, an INT of its size, and NAME to tell functions apart. */

#define VEC NAME(Vector)
#define LANES ((whole)(32 / sizeof(T)))
typedef T VEC __attribute__((vector_size(32)));
typedef T NAME(Anywhere) __attribute__((vector_size(32), aligned(sizeof(T)), may_alias));
typedef INT NAME(Mask) __attribute__((vector_size(32)));
typedef INT NAME(AnyMask) __attribute__((vector_size(32), aligned(sizeof(T)), may_alias));
#define LOAD(p) (*(const NAME(Anywhere) *)(p))
/* The last `count` lanes of a vector, 0 in the others. */
#define LAST(v, count) \
  ((VEC)((NAME(Mask))(v) & *(const NAME(AnyMask) *)(NAME(kept) + (count))))
static const INT NAME(kept)[64 / sizeof(T)] = {[32 / sizeof(T)... 64 / sizeof(T) - 1] = -1};

static inline double NAME(across)(VEC v) {
  T lane[32 / sizeof(T)];
  for (int i = 0; i < LANES; i++) lane[i] = v[i];
  for (int half = LANES / 2; half; half /= 2)
    for (int i = 0; i < half; i++) lane[i] += lane[i + half];
  return lane[0];
}

/* Sums over a row of n values: in vectors, BLOCK values at a time, and those in double. Fewer
   values than a vector holds are summed one by one. */
static inline double NAME(sum)(const T *x, whole n) {
  double sum = 0;
  for (whole at = 0; n < LANES && at < n; at++) sum += x[at];
  for (whole at = 0, end = 0; n >= LANES && at < n; at = end) {
    VEC s = {0}, s2 = {0};
    end = at + BLOCK < n ? at + BLOCK : n;
    for (; at + 2 * LANES <= end; at += 2 * LANES) s += LOAD(x + at), s2 += LOAD(x + at + LANES);
    if (at + LANES <= end) s += LOAD(x + at), at += LANES;
    if (at < end) s2 += LAST(LOAD(x + end - LANES), end - at);
    sum += NAME(across)(s + s2);
  }
  return sum;
}

/* The sums of d = x - centre and of d d. */
static inline void NAME(spread)(const T *x, whole n, T centre, double *sum, double *squares) {
  double sums = 0, square = 0;
  for (whole at = 0; n < LANES && at < n; at++) {
    double d = x[at] - centre;
    sums += d, square += d * d;
  }
  for (whole at = 0, end = 0; n >= LANES && at < n; at = end) {
    VEC s = {0}, s2 = {0}, q = {0}, q2 = {0}, d;
    end = at + BLOCK < n ? at + BLOCK : n;
    for (; at + 2 * LANES <= end; at += 2 * LANES) {
      d = LOAD(x + at) - centre, s += d, q += d * d;
      d = LOAD(x + at + LANES) - centre, s2 += d, q2 += d * d;
    }
    if (at + LANES <= end) d = LOAD(x + at) - centre, s += d, q += d * d, at += LANES;
    if (at < end) d = LAST(LOAD(x + end - LANES) - centre, end - at), s2 += d, q2 += d * d;
    sums += NAME(across)(s + s2), square += NAME(across)(q + q2);
  }
  *sum = sums, *squares = square;
}

/* The sums of d = x - centre, of g and of g d. */
static inline void NAME(dots)(const T *g, const T *x, whole n, T centre, double *sum,
                              double *total, double *dot) {
  double sums = 0, totals = 0, dots = 0;
  for (whole at = 0; n < LANES && at < n; at++) {
    double d = x[at] - centre;
    sums += d, totals += g[at], dots += g[at] * d;
  }
  for (whole at = 0, end = 0; n >= LANES && at < n; at = end) {
    VEC s = {0}, s2 = {0}, t = {0}, t2 = {0}, q = {0}, q2 = {0}, d, h;
    end = at + BLOCK < n ? at + BLOCK : n;
    for (; at + 2 * LANES <= end; at += 2 * LANES) {
      d = LOAD(x + at) - centre, h = LOAD(g + at), s += d, t += h, q += h * d;
      d = LOAD(x + at + LANES) - centre, h = LOAD(g + at + LANES), s2 += d, t2 += h, q2 += h * d;
    }
    if (at + LANES <= end)
      d = LOAD(x + at) - centre, h = LOAD(g + at), s += d, t += h, q += h * d, at += LANES;
    if (at < end) {
      d = LAST(LOAD(x + end - LANES) - centre, end - at);
      h = LAST(LOAD(g + end - LANES), end - at);
      s2 += d, t2 += h, q2 += h * d;
    }
    sums += NAME(across)(s + s2), totals += NAME(across)(t + t2), dots += NAME(across)(q + q2);
  }
  *sum = sums, *total = totals, *dot = dots;
}

/* What follows is for planes with channels last: `wide` channels, `step` values from one pixel to
   the next. Two vectors of channels stay in registers over some pixels; the rest goes in turn. */
enum { NAME(STRIP) = 64 / sizeof(T) };
#define STRIP ((whole)NAME(STRIP))
#define EACH(n) for (whole k = 0; k < (n); k++)

static inline void NAME(add)(double *restrict sum, const T *x, whole step, whole pixels,
                             whole wide) {
  T s[64 / sizeof(T)];
  for (; wide > 0; x += STRIP, sum += STRIP, wide -= STRIP) {
    whole n = wide < STRIP ? wide : STRIP;
    VEC a = {0}, b = {0};
    EACH(STRIP) s[k] = 0;
    if (n == STRIP) {
      for (whole p = 0; p < pixels; p++) a += LOAD(x + p * step), b += LOAD(x + p * step + LANES);
      EACH(LANES) s[k] = a[k], s[k + LANES] = b[k];
    } else {
      for (whole p = 0; p < pixels; p++) EACH(n) s[k] += x[p * step + k];
    }
    EACH(n) sum[k] += s[k];
  }
}

static inline void NAME(add_spread)(double *restrict sum, double *restrict square, const T *x,
                                    const T *mid, whole step, whole pixels, whole wide) {
  T s[64 / sizeof(T)], q[64 / sizeof(T)];
  for (; wide > 0; x += STRIP, mid += STRIP, sum += STRIP, square += STRIP, wide -= STRIP) {
    whole n = wide < STRIP ? wide : STRIP;
    EACH(STRIP) s[k] = q[k] = 0;
    if (n == STRIP) {
      VEC m = LOAD(mid), m2 = LOAD(mid + LANES), a = {0}, a2 = {0}, b = {0}, b2 = {0}, d;
      for (whole p = 0; p < pixels; p++) {
        d = LOAD(x + p * step) - m, a += d, b += d * d;
        d = LOAD(x + p * step + LANES) - m2, a2 += d, b2 += d * d;
      }
      EACH(LANES) s[k] = a[k], s[k + LANES] = a2[k], q[k] = b[k], q[k + LANES] = b2[k];
    } else {
      for (whole p = 0; p < pixels; p++)
        EACH(n) {
          T d = x[p * step + k] - mid[k];
          s[k] += d, q[k] += d * d;
        }
    }
    EACH(n) sum[k] += s[k], square[k] += q[k];
  }
}

static inline void NAME(add_dots)(double *restrict sum, double *restrict total,
                                  double *restrict dot, const T *g, const T *x, const T *mid,
                                  whole step, whole pixels, whole wide) {
  T s[64 / sizeof(T)], t[64 / sizeof(T)], q[64 / sizeof(T)];
  for (; wide > 0; wide -= STRIP) {
    whole n = wide < STRIP ? wide : STRIP;
    EACH(STRIP) s[k] = t[k] = q[k] = 0;
    if (n == STRIP) {
      VEC m = LOAD(mid), m2 = LOAD(mid + LANES), d, h;
      VEC a = {0}, a2 = {0}, b = {0}, b2 = {0}, c = {0}, c2 = {0};
      for (whole p = 0; p < pixels; p++) {
        d = LOAD(x + p * step) - m, h = LOAD(g + p * step), a += d, b += h, c += h * d;
        d = LOAD(x + p * step + LANES) - m2, h = LOAD(g + p * step + LANES);
        a2 += d, b2 += h, c2 += h * d;
      }
      EACH(LANES) s[k] = a[k], t[k] = b[k], q[k] = c[k];
      EACH(LANES) s[k + LANES] = a2[k], t[k + LANES] = b2[k], q[k + LANES] = c2[k];
    } else {
      for (whole p = 0; p < pixels; p++)
        EACH(n) {
          T d = x[p * step + k] - mid[k];
          s[k] += d, t[k] += g[p * step + k], q[k] += g[p * step + k] * d;
        }
    }
    EACH(n) sum[k] += s[k], total[k] += t[k], dot[k] += q[k];
    x += STRIP, g += STRIP, mid += STRIP, sum += STRIP, total += STRIP, dot += STRIP;
  }
}

static inline void NAME(line_of)(T *restrict y, const T *restrict x, T mid, T slope, T constant,
                                 whole n) {
  for (whole p = 0; p < n; p++) y[p] = (x[p] - mid) * slope + constant;
}

static inline void NAME(lines_of)(T *restrict y, const T *restrict x, const T *restrict mid,
                                  const T *restrict slope, const T *restrict constant, whole n) {
  EACH(n) y[k] = (x[k] - mid[k]) * slope[k] + constant[k];
}

static inline void NAME(both_of)(T *restrict y, const T *restrict g, T scale,
                                 const T *restrict x, T mid, T slope, T constant, whole n) {
  for (whole p = 0; p < n; p++) y[p] = g[p] * scale + ((x[p] - mid) * slope + constant);
}

static inline void NAME(boths_of)(T *restrict y, const T *restrict g, const T *restrict scale,
                                  const T *restrict x, const T *restrict mid,
                                  const T *restrict slope, const T *restrict constant, whole n) {
  EACH(n) y[k] = g[k] * scale[k] + ((x[k] - mid[k]) * slope[k] + constant[k]);
}

/* Instance moments of an item's channels: mean = centre + rest, and the biased variance. */
static void NAME(moments)(const Job *job, whole i, whole from, whole to, double *room) {
  const Call *c = job->call;
  whole n = c->pixels, at = i * c->channels, wide = to - from;
  T *centre = (T *)c->centre + at, *var = (T *)c->var + at;
  double *rest = job->rest + at, *square = room;
  if (!c->last) {
    const T *x = (const T *)c->x + at * n;
    for (whole k = from; k < to; k++) {
      centre[k] = (T)(NAME(sum)(x + k * n, n) / n);
      NAME(spread)(x + k * n, n, centre[k], rest + k, square + k - from);
    }
  } else {
    const T *x = (const T *)c->x + at * n + from;
    double *sum = rest + from;
    T *mid = centre + from;
    for (whole k = 0; k < wide; k++) sum[k] = square[k] = 0;
    for (whole p = 0; p < n; p += FEW)
      NAME(add)(sum, x + p * c->channels, c->channels, n - p < FEW ? n - p : FEW, wide);
    for (whole k = 0; k < wide; k++) mid[k] = (T)(sum[k] / n), sum[k] = 0;
    for (whole p = 0; p < n; p += FEW)
      NAME(add_spread)(sum, square, x + p * c->channels, mid, c->channels,
                       n - p < FEW ? n - p : FEW, wide);
  }
  for (whole k = from; k < to; k++) {
    rest[k] /= n;
    double v = square[k - from] / n - rest[k] * rest[k];
    var[k] = (T)(v < 0 ? 0 : v);
  }
}

/* Batch moments of some channels, by total variance. */
static void NAME(batch)(const Job *job, whole i, whole from, whole to, double *room) {
  const Call *c = job->call;
  whole wide = to - from, items = c->items;
  double *sum = room, *mean = c->base_mean + from, *var = c->base_var + from;
  const T *centre = (const T *)c->centre + from, *own = (const T *)c->var + from;
  const double *rest = job->rest + from;
  (void)i;
  for (whole k = 0; k < wide; k++) sum[k] = var[k] = 0;
  /* From the first item's mean on, so that digits are not lost to the distance from zero. */
  for (whole j = 0, at = 0; j < items; j++, at += c->channels)
    for (whole k = 0; k < wide; k++)
      sum[k] += ((double)centre[at + k] - centre[k]) + rest[at + k];
  for (whole k = 0; k < wide; k++) mean[k] = centre[k] + sum[k] / items;
  for (whole j = 0, at = 0; j < items; j++, at += c->channels)
    for (whole k = 0; k < wide; k++) {
      double d = (centre[at + k] - mean[k]) + rest[at + k];
      var[k] += own[at + k] + d * d;
    }
  for (whole k = 0; k < wide; k++) var[k] /= items;
}

/* Own moments for each channel, into the first two rows, and what is normalised with, mean and
   variance, into the next two. */
static void NAME(used)(const Job *job, whole i, whole from, whole to, double *room) {
  const Call *c = job->call;
  whole wide = to - from, at = i * c->channels + from, group = c->group;
  double *own = room, *spread = own + wide, *mean = spread + wide, *var = mean + wide;
  if (group) {
    const T *centre = (const T *)c->centre + at, *plane = (const T *)c->var + at;
    const double *rest = job->rest + at;
    for (whole k = 0; k < wide; k++) own[k] = centre[k] + rest[k], spread[k] = plane[k];
    for (whole k = 0; group > 1 && k < wide; k += group) {
      double sum = 0, square = 0;
      for (whole j = k; j < k + group; j++) sum += own[j] - own[k];
      double middle = own[k] + sum / group;
      for (whole j = k; j < k + group; j++) {
        double d = own[j] - middle;
        square += spread[j] + d * d;
      }
      for (whole j = k; j < k + group; j++) own[j] = middle, spread[j] = square / group;
    }
  }
  const double *base = c->base_mean + from, *base_var = c->base_var + from;
  double of_base = c->base_factor, of_own = c->own_factor;
  if (group && c->base) {
    const T *alpha = c->alpha;
    if (c->alphas == 1) {
      double a = alpha[0];
      for (whole k = 0; k < wide; k++) {
        double d = base[k] - own[k], part = a * d;
        mean[k] = own[k] + part;
        var[k] = a * (base_var[k] * of_base) + (1 - a) * (spread[k] * of_own) + part * (d - part);
      }
    } else {
      for (whole k = 0; k < wide; k++) {
        double a = alpha[from + k], d = base[k] - own[k], part = a * d;
        mean[k] = own[k] + part;
        var[k] = a * (base_var[k] * of_base) + (1 - a) * (spread[k] * of_own) + part * (d - part);
      }
    }
  } else if (group) {
    for (whole k = 0; k < wide; k++) mean[k] = own[k], var[k] = spread[k] * of_own;
  } else {
    for (whole k = 0; k < wide; k++) mean[k] = base[k], var[k] = base_var[k] * of_base;
  }
}

/* Where values of each channel are measured from: a value of their dtype near the mean. */
static const T *NAME(middle)(const Call *c, whole i, whole from, whole to, T *room) {
  if (c->group) return (const T *)c->centre + i * c->channels + from;
  for (whole k = from; k < to; k++) room[k - from] = (T)c->base_mean[k];
  return room;
}

/* (x - centre) slope + constant, that is (x - mean) weight / sqrt(var + eps) + bias. */
static void NAME(output)(const Job *job, whole i, whole from, whole to, double *room) {
  const Call *c = job->call;
  whole wide = to - from, n = c->pixels, at = (i * c->channels + (c->last ? 0 : from)) * n;
  if (c->group && c->base != BATCH) NAME(moments)(job, i, from, to, room);
  NAME(used)(job, i, from, to, room);
  const double *mean = room + 2 * wide, *var = room + 3 * wide;
  const T *weight = c->weight, *bias = c->bias;
  const T *mid = NAME(middle)(c, i, from, to, (T *)(room + 4 * wide));
  T *slope = (T *)(room + 5 * wide), *constant = (T *)(room + 6 * wide);
  double *r = room + 7 * wide;
  for (whole k = 0; k < wide; k++) r[k] = 1 / sqrt(var[k] + c->eps);
  if (weight)
    for (whole k = 0; k < wide; k++) r[k] *= weight[from + k];
  for (whole k = 0; k < wide; k++) slope[k] = (T)r[k], r[k] *= mid[k] - mean[k];
  if (bias)
    for (whole k = 0; k < wide; k++) r[k] += bias[from + k];
  for (whole k = 0; k < wide; k++) constant[k] = (T)r[k];
  const T *x = (const T *)c->x + at;
  T *y = (T *)c->y + at;
  if (!c->last) {
    for (whole k = 0; k < wide; k++, x += n, y += n)
      NAME(line_of)(y, x, mid[k], slope[k], constant[k], n);
  } else {
    x += from, y += from;
    for (whole p = 0; p < n; p++, x += c->channels, y += c->channels)
      NAME(lines_of)(y, x, mid, slope, constant, wide);
  }
}

/* The sums of g and of g (x - centre) over planes, and what their means lie off the centres. */
static void NAME(sums)(const Job *job, whole i, whole from, whole to, double *room) {
  const Call *c = job->call;
  whole wide = to - from, n = c->pixels, at = i * c->channels + from;
  double *rest = job->rest + at, *total = job->total + at, *dot = job->dot + at;
  const T *mid = NAME(middle)(c, i, from, to, (T *)room);
  if (!c->last) {
    const T *x = (const T *)c->x + at * n, *g = (const T *)c->g + at * n;
    for (whole k = 0; k < wide; k++)
      NAME(dots)(g + k * n, x + k * n, n, mid[k], rest + k, total + k, dot + k);
  } else {
    const T *x = (const T *)c->x + i * c->channels * n + from;
    const T *g = (const T *)c->g + i * c->channels * n + from;
    for (whole k = 0; k < wide; k++) rest[k] = total[k] = dot[k] = 0;
    for (whole p = 0; p < n; p += FEW)
      NAME(add_dots)(rest, total, dot, g + p * c->channels, x + p * c->channels, mid, c->channels,
                     n - p < FEW ? n - p : FEW, wide);
  }
  for (whole k = 0; k < wide; k++) rest[k] /= n;
}

/* Own moments and those used, as above; then, row by row: the slope, the sum of g times what was
   normalised, and derivatives by the mean and by the variance that were used. */
static void NAME(local)(const Job *job, whole i, whole from, whole to, double *room) {
  const Call *c = job->call;
  whole wide = to - from, at = i * c->channels + from;
  NAME(used)(job, i, from, to, room);
  const double *mean = room + 2 * wide, *var = room + 3 * wide;
  double *slope = room + 4 * wide, *normal = slope + wide, *by_mean = normal + wide;
  double *by_var = by_mean + wide;
  const double *total = job->total + at, *dot = job->dot + at;
  const T *weight = c->weight, *mid = NAME(middle)(c, i, from, to, (T *)(by_var + wide));
  for (whole k = 0; k < wide; k++) {
    double r = 1 / sqrt(var[k] + c->eps);
    normal[k] = r * (dot[k] - (mean[k] - mid[k]) * total[k]);
    slope[k] = r, by_var[k] = r * r * -0.5;
  }
  if (weight)
    for (whole k = 0; k < wide; k++) slope[k] *= weight[from + k], by_var[k] *= weight[from + k];
  for (whole k = 0; k < wide; k++) by_mean[k] = -slope[k] * total[k], by_var[k] *= normal[k];
}

/* The sums over items, for some channels: by what belongs to channels, and by base moments. */
static void NAME(gather)(const Job *job, whole none, whole from, whole to, double *room) {
  const Call *c = job->call;
  whole wide = to - from, both = c->group && c->base;
  double *sums = room + 9 * wide;
  (void)none;
  double *w = sums, *b = w + wide, *a = b + wide, *m = a + wide, *v = m + wide;
  for (whole k = 0; k < 5 * wide; k++) sums[k] = 0;
  const double *base = c->base_mean + from, *base_var = c->base_var + from;
  const double *own = room, *spread = own + wide, *normal = room + 5 * wide;
  const double *by_mean = normal + wide, *by_var = by_mean + wide;
  const T *alpha = c->alpha;
  for (whole i = 0; i < c->items; i++) {
    NAME(local)(job, i, from, to, room);
    const double *total = job->total + i * c->channels + from;
    for (whole k = 0; k < wide; k++) w[k] += normal[k], b[k] += total[k];
    if (both) {
      whole step = c->alphas > 1;
      const T *of = alpha + step * from;
      for (whole k = 0; k < wide; k++) {
        double s = of[k * step], d = base[k] - own[k], dv = d * by_var[k];
        double gap = base_var[k] * c->base_factor - spread[k] * c->own_factor;
        m[k] += s * (by_mean[k] + dv * (2 - 2 * s));
        v[k] += s * by_var[k];
        a[k] += d * (by_mean[k] + dv * (1 - 2 * s)) + gap * by_var[k];
      }
    } else if (c->base) {
      for (whole k = 0; k < wide; k++) m[k] += by_mean[k], v[k] += by_var[k];
    }
  }
  T *by_weight = c->by_weight, *by_bias = c->by_bias;
  for (whole k = 0; by_weight && k < wide; k++) by_weight[from + k] = (T)w[k];
  for (whole k = 0; by_bias && k < wide; k++) by_bias[from + k] = (T)b[k];
  for (whole k = 0; c->base && k < wide; k++)
    job->to_mean[from + k] = m[k], job->to_var[from + k] = v[k] * c->base_factor;
  for (whole k = 0; both && k < wide; k++) job->total[c->items * c->channels + from + k] = a[k];
  if (c->base == BATCH && c->more_mean)
    for (whole k = from; k < to; k++) job->to_mean[k] += c->more_mean[k];
  if (c->base == BATCH && c->more_var)
    for (whole k = from; k < to; k++) job->to_var[k] += c->more_var[k];
}

/* The derivative by x: g slope + (x - centre) line + constant. */
static void NAME(back)(const Job *job, whole i, whole from, whole to, double *room) {
  const Call *c = job->call;
  whole wide = to - from, n = c->pixels, at = (i * c->channels + (c->last ? 0 : from)) * n;
  NAME(local)(job, i, from, to, room);
  double *own = room, *to_own = room + 2 * wide, *to_spread = room + 3 * wide;
  double *slope = room + 4 * wide, *constant = room + 5 * wide, *by_mean = room + 6 * wide;
  double *line = room + 7 * wide; /* was by_var */
  const T *mid = NAME(middle)(c, i, from, to, (T *)(room + 8 * wide));
  if (c->group && c->base) {
    const T *alpha = c->alpha;
    whole step = c->alphas > 1;
    for (whole k = 0; k < wide; k++) {
      double s = alpha[(from + k) * step], d = c->base_mean[from + k] - own[k];
      to_own[k] = by_mean[k] - s * (by_mean[k] + d * line[k] * (2 - 2 * s));
      to_spread[k] = (1 - s) * line[k];
    }
  } else {
    for (whole k = 0; k < wide; k++) to_own[k] = by_mean[k], to_spread[k] = line[k];
  }
  for (whole k = 0; k < wide; k++) line[k] = constant[k] = 0;
  if (c->group) {
    whole group = c->group;
    double count = (double)group * n, over = 2 * c->own_factor / count;
    for (whole k = 0; group > 1 && k < wide; k += group) {
      double sum = 0, square = 0;
      for (whole j = k; j < k + group; j++) sum += to_own[j], square += to_spread[j];
      for (whole j = k; j < k + group; j++) to_own[j] = sum, to_spread[j] = square;
    }
    for (whole k = 0; k < wide; k++) {
      line[k] = to_spread[k] * over;
      constant[k] = to_own[k] / count - line[k] * (own[k] - mid[k]);
    }
  }
  if (c->base == BATCH) {
    double count = (double)c->items * n;
    for (whole k = 0; k < wide; k++) {
      double by = job->to_var[from + k] * (2 / count);
      constant[k] += job->to_mean[from + k] / count - by * (c->base_mean[from + k] - mid[k]);
      line[k] += by;
    }
  }
  const T *x = (const T *)c->x + at, *g = (const T *)c->g + at;
  T *y = (T *)c->y + at;
  if (!c->last) {
    for (whole k = 0; k < wide; k++, x += n, g += n, y += n)
      NAME(both_of)(y, g, (T)slope[k], x, mid[k], (T)line[k], (T)constant[k], n);
  } else {
    T *a = (T *)by_mean, *s = (T *)to_own, *b = (T *)to_spread;
    for (whole k = 0; k < wide; k++) a[k] = (T)slope[k], s[k] = (T)line[k], b[k] = (T)constant[k];
    x += from, g += from, y += from;
    for (whole p = 0; p < n; p++, x += c->channels, g += c->channels, y += c->channels)
      NAME(boths_of)(y, g, a, x, mid, s, b, wide);
  }
}

/* Both sweeps over a unit while it is in the cache, where nothing of other items is needed. */
static void NAME(sums_and_back)(const Job *job, whole i, whole from, whole to, double *room) {
  NAME(sums)(job, i, from, to, room);
  NAME(back)(job, i, from, to, room);
}

/* Outputs, tables and batch moments; 0 where there was memory for it. */
int NAME(forward)(const Call *c) {
  whole tables = c->group || c->base == BATCH;
  Job job = {.call = c, .block = block_of(c)};
  job.rest = malloc(sizeof(double) * (tables ? c->items * c->channels : 1));
  if (!job.rest) return 1;
  if (c->base == BATCH) {
    run(&job, c->items, NAME(moments), 0);
    run(&job, 1, NAME(batch), 0);
  }
  if (c->y) run(&job, c->items, NAME(output), 1);
  free(job.rest);
  return (int)job.failed;
}

/* The derivatives by everything; 0 where there was memory for it. */
int NAME(backward)(const Call *c) {
  whole size = c->items * c->channels;
  Job job = {.call = c, .block = block_of(c)};
  job.rest = malloc(sizeof(double) * (3 * size + 3 * c->channels));
  if (!job.rest) return 1;
  job.dot = job.rest + size, job.total = job.dot + size;
  job.to_mean = job.total + size + c->channels, job.to_var = job.to_mean + c->channels;
  run(&job, c->items, c->y && c->base != BATCH ? NAME(sums_and_back) : NAME(sums), 0);
  run(&job, 1, NAME(gather), 0);
  if (c->y && c->base == BATCH) run(&job, c->items, NAME(back), 1);
  const double *alpha = job.total + size;
  T *by_alpha = c->by_alpha;
  double sum = 0;
  for (whole k = 0; by_alpha && k < c->channels; k++) {
    sum += alpha[k];
    if (c->alphas > 1) by_alpha[k] = (T)alpha[k];
  }
  if (by_alpha && c->alphas == 1) *by_alpha = (T)sum;
  for (whole k = 0; c->by_base_mean && k < c->channels; k++) c->by_base_mean[k] = job.to_mean[k];
  for (whole k = 0; c->by_base_var && k < c->channels; k++) c->by_base_var[k] = job.to_var[k];
  free(job.rest);
  return (int)job.failed;
}

#undef VEC
#undef LANES
#undef LOAD
#undef LAST
#undef STRIP
#undef EACH
