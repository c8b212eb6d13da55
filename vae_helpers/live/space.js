// The geometry of a latent space under the prior N(0, I): shares, quantiles, maps and paths.

/** Share of N(0, 1) below x, by its series in odd powers, which needs no table of constants. */
export function cdf(x) {
  if (Math.abs(x) > 8) return x > 0 ? 1 : 0;
  let term = x, sum = x;
  for (let k = 3; Math.abs(term) > 1e-17 * Math.abs(sum); k += 2) {
    term *= (x * x) / k;
    sum += term;
  }
  return 0.5 + sum * bell(x);
}

function bell(x) {
  return Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
}

/** The x that has the share p of N(0, 1) below it, 0 < p < 1. */
export function quantile(p) {
  // Newton's steps from the middle outwards: beyond it the curve bends away from its tangent,
  // so that no step goes too far.
  let x = 0;
  for (let i = 0; i < 60; i++) {
    const step = (p - cdf(x)) / bell(x);
    x += step;
    if (Math.abs(step) < 1e-12) break;
  }
  return x;
}

/** Density of N(0, I) at z. */
export function density(z) {
  return z.reduce((product, value) => product * bell(value), 1);
}

const EDGE = 0.001; // the map ends at this share, where quantiles are still finite
const REACH = 3; // and the evenly spaced one at this coordinate

/** From z to a place on the map, (0, 0) at the top left and (1, 1) at the bottom right. */
export function toMap([z1, z2], spacing) {
  const share = spacing === "equal" ? cdf : (x) => (x + REACH) / (2 * REACH);
  return [share(z1), 1 - share(z2)];
}

/** From a place on the map to z; places outside count as the nearest edge. */
export function fromMap([x, y], spacing) {
  const clamp = (v, edge) => Math.min(1 - edge, Math.max(edge, v));
  const coordinate =
    spacing === "equal"
      ? (v) => quantile(clamp(v, EDGE))
      : (v) => REACH * (2 * clamp(v, 0) - 1);
  return [coordinate(x), coordinate(1 - y)];
}

/** n points on the straight line from a to b, both included. */
export function line(a, b, n) {
  return steps(n).map((t) => a.map((start, i) => start + t * (b[i] - start)));
}

/** n points at even angles, seen from the origin; a straight line where no arc is defined. */
export function arc(a, b, n) {
  const [lengthA, lengthB] = [a, b].map((v) => Math.hypot(...v));
  const unit = (v, length) => v.map((x) => x / length);
  const [ua, ub] = [unit(a, lengthA), unit(b, lengthB)];
  // Half the angle from chord and sum: exact for small angles, too, where a cosine is not.
  const gap = Math.hypot(...ua.map((x, i) => x - ub[i]));
  const total = Math.hypot(...ua.map((x, i) => x + ub[i]));
  const angle = 2 * Math.atan2(gap, total);
  if (lengthA === 0 || lengthB === 0 || Math.abs(Math.sin(angle)) < 1e-6) return line(a, b, n);
  return steps(n).map((t) => {
    const [p, q] = [1 - t, t].map((s) => Math.sin(s * angle) / Math.sin(angle));
    return a.map((start, i) => p * start + q * b[i]);
  });
}

function steps(n) {
  return Array.from({ length: n }, (_, i) => i / (n - 1));
}

/** Points on the ellipse `times` standard deviations around mu, closed. */
export function ellipse(mu, logvar, times, n = 96) {
  const radius = logvar.map((value) => times * Math.exp(0.5 * value));
  return Array.from({ length: n + 1 }, (_, i) => {
    const angle = (2 * Math.PI * i) / n;
    return [mu[0] + radius[0] * Math.cos(angle), mu[1] + radius[1] * Math.sin(angle)];
  });
}
