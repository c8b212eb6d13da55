// A VAE, its judge and its detector: from images to figures in nats, as in vae_helpers.

import { run, unpack } from "./layers.js";

const sigmoid = (x) => 1 / (1 + Math.exp(-x));

export class Vae {
  /** @param plan what export.py wrote, with `table`; @param view the bytes of the weights. */
  constructor(plan, view) {
    this.plan = plan;
    this.arrays = unpack(plan.table, view);
    this.shape = plan.image_shape;
    this.binary = plan.pixel_std === null;
  }

  #run(name, x) {
    return run(this.plan.networks[name], this.arrays, x);
  }

  /** Posterior of an image: mu and logvar. */
  encode(image) {
    const h = this.#run("encoder", image);
    return { mu: [...this.#run("mu", h)], logvar: [...this.#run("logvar", h)] };
  }

  /** Logits of the pixels at z. */
  decode(z) {
    return this.#run("decoder", Float32Array.from(z));
  }

  /** Pixels in [0, 1] at z. */
  picture(z) {
    return this.decode(z).map(sigmoid);
  }

  /** -log p(x|z) from the logits at z, in nats. */
  nll(logits, x) {
    let sum = 0;
    if (this.binary) {
      // max(a, 0) - x a + log(1 + e^-|a|) for each pixel
      for (let i = 0; i < x.length; i++)
        sum += Math.max(logits[i], 0) - x[i] * logits[i] + Math.log1p(Math.exp(-Math.abs(logits[i])));
      return sum;
    }
    const std = this.plan.pixel_std;
    for (let i = 0; i < x.length; i++) sum += (sigmoid(logits[i]) - x[i]) ** 2;
    return sum / (2 * std * std) + x.length * (Math.log(std) + 0.5 * Math.log(2 * Math.PI));
  }

  /** All there is to say of an image, the reconstruction at z = mu. */
  score(image) {
    const { mu, logvar } = this.encode(image);
    const logits = this.decode(mu);
    const nll = this.nll(logits, image);
    const kl = divergence(mu, logvar);
    const result = { mu, logvar, nll, kl, neg_elbo: nll + kl, picture: logits.map(sigmoid) };
    if (this.plan.detector) result.distance = this.#distance([...mu, nll, kl]);
    return result;
  }

  /** The classes that the judge sees in an image, surest first: [name, probability]. */
  judge(image) {
    const { layers, classes } = this.plan.judge;
    const out = run(layers, this.arrays, image);
    const shares = out.length === 1 ? [1 - sigmoid(out[0]), sigmoid(out[0])] : softmax(out);
    return classes.map((name, i) => [name, shares[i]]).sort((a, b) => b[1] - a[1]);
  }

  /** Mean distance to the nearest reference codes, in standard deviations. */
  #distance(raw) {
    const { mean, std, codes, neighbours } = this.plan.detector;
    const [means, stds, all] = [mean, std, codes].map((i) => this.arrays[i]);
    const nearest = new Float64Array(neighbours).fill(Infinity); // squares, in order
    const feature = raw.map((value, i) => (value - means[i]) / stds[i]);
    const width = feature.length;
    for (let start = 0; start < all.length; start += width) {
      let square = 0;
      // Most codes are too far after a few features: the rest can't bring them nearer.
      for (let i = 0; i < width && square < nearest[neighbours - 1]; i++)
        square += (feature[i] - all[start + i]) ** 2;
      insert(nearest, square);
    }
    return nearest.reduce((sum, square) => sum + Math.sqrt(square), 0) / neighbours;
  }
}

/** KL(q(z|x) || N(0, I)) in nats. */
export function divergence(mu, logvar) {
  return 0.5 * mu.reduce((sum, m, i) => sum + m * m + Math.expm1(logvar[i]) - logvar[i], 0);
}

function softmax(values) {
  const largest = Math.max(...values);
  const parts = Array.from(values, (value) => Math.exp(value - largest));
  const whole = parts.reduce((a, b) => a + b);
  return parts.map((part) => part / whole);
}

/** Put a value in its place among the smallest ones, or leave it out. */
function insert(smallest, value) {
  let i = smallest.length - 1;
  if (value >= smallest[i]) return;
  for (; i > 0 && smallest[i - 1] > value; i--) smallest[i] = smallest[i - 1];
  smallest[i] = value;
}
