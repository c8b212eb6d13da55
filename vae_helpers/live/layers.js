// Layers of a network, for one input at a time. Arrays are flat, row by row, in float32;
// sums are taken in double precision, as JavaScript's numbers are.

const KINDS = { float32: Float32Array, int16: Int16Array, uint8: Uint8Array };

/** The arrays of a block of bytes, as the table tells them; packed ones come back unpacked. */
export function unpack(table, view) {
  // A copy begins at a multiple of 4, wherever the view did.
  const bytes = view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);
  const stored = table.map(({ kind, offset, length }) => new KINDS[kind](bytes, offset, length));
  return table.map((entry, i) => {
    if ("row_scale" in entry) return unpackRows(stored[i], stored[entry.row_scale]);
    if ("column_step" in entry)
      return unpackColumns(stored[i], entry, stored[entry.column_low], stored[entry.column_step]);
    return stored[i];
  });
}

function unpackRows(whole, scales) {
  const values = new Float32Array(whole.length);
  const width = whole.length / scales.length;
  for (let row = 0, i = 0; row < scales.length; row++)
    for (let end = i + width; i < end; i++) values[i] = whole[i] * scales[row];
  return values;
}

function unpackColumns(bytes, { bits, numbers }, low, step) {
  const values = new Float32Array(numbers);
  // A number begins where the last one ended, within a byte or not; `held` has the rest of it.
  let held = 0, left = 0, next = 0;
  for (let i = 0; i < numbers; i++) {
    for (; left < bits; left += 8) held = (held << 8) | bytes[next++];
    left -= bits;
    values[i] = low[i % low.length] + (held >> left) * step[i % low.length];
    held &= (1 << left) - 1;
  }
  return values;
}

/** Output of a network (a plan of layers) for one input. */
export function run(plan, arrays, input) {
  return plan.reduce((x, layer) => LAYERS[layer.type](x, layer, arrays), input);
}

const LAYERS = { linear, leaky, conv: convolve, up: convolveUp };

function linear(x, { weight, bias }, arrays) {
  const w = arrays[weight];
  const width = x.length;
  const out = new Float32Array(w.length / width);
  // Black pixels, and units that a ReLU has shut, add nothing: skip them, for every row.
  const places = [];
  for (let i = 0; i < width; i++) if (x[i] !== 0) places.push(i);
  const where = Int32Array.from(places);
  const values = Float32Array.from(places, (i) => x[i]);
  const n = where.length;
  for (let row = 0; row < out.length; row++) {
    const base = row * width;
    // Four sums at a time: one addition need not wait for the one before.
    let a = 0, b = 0, c = 0, d = 0, i = 0;
    for (; i + 3 < n; i += 4) {
      a += w[base + where[i]] * values[i];
      b += w[base + where[i + 1]] * values[i + 1];
      c += w[base + where[i + 2]] * values[i + 2];
      d += w[base + where[i + 3]] * values[i + 3];
    }
    for (; i < n; i++) a += w[base + where[i]] * values[i];
    out[row] = a + b + c + d + (bias === undefined ? 0 : arrays[bias][row]);
  }
  return out;
}

function leaky(x, { slope }) {
  return x.map((value) => (value > 0 ? value : slope * value));
}

function startWithBias({ to, bias }, arrays) {
  const [channels, height, width] = to;
  const out = new Float32Array(channels * height * width);
  if (bias !== undefined)
    for (let c = 0; c < channels; c++)
      out.fill(arrays[bias][c], c * height * width, (c + 1) * height * width);
  return out;
}

/** Calls visit(output channel, input channel, ky, kx, weight) for each weight that isn't zero. */
function eachWeight({ kernel, from, to, weight }, arrays, visit) {
  const w = arrays[weight];
  let i = 0;
  for (let o = 0; o < to[0]; o++)
    for (let c = 0; c < from[0]; c++)
      for (let ky = 0; ky < kernel[0]; ky++)
        for (let kx = 0; kx < kernel[1]; kx++, i++) if (w[i] !== 0) visit(o, c, ky, kx, w[i]);
}

/** First and last place of the coarser side whose partner on the finer side lies inside. */
function span(coarse, fine, stride, shift) {
  const first = Math.max(0, Math.ceil(-shift / stride));
  const last = Math.min(coarse - 1, Math.floor((fine - 1 - shift) / stride));
  return [first, last];
}

/** Convolution: output (y, x) takes from input (y * stride + ky - padding, ...). */
function convolve(x, layer, arrays) {
  const { stride, padding, from, to } = layer;
  const out = startWithBias(layer, arrays);
  eachWeight(layer, arrays, (o, c, ky, kx, w) => {
    const [top, bottom] = span(to[1], from[1], stride[0], ky - padding[0]);
    const [left, right] = span(to[2], from[2], stride[1], kx - padding[1]);
    for (let y = top; y <= bottom; y++) {
      const row = (o * to[1] + y) * to[2];
      const source = (c * from[1] + y * stride[0] + ky - padding[0]) * from[2] + kx - padding[1];
      for (let i = left; i <= right; i++) out[row + i] += w * x[source + i * stride[1]];
    }
  });
  return out;
}

/** Transposed convolution: input (y, x) adds to output (y * stride + ky - padding, ...). */
function convolveUp(x, layer, arrays) {
  const { stride, padding, from, to } = layer;
  const out = startWithBias(layer, arrays);
  eachWeight(layer, arrays, (o, c, ky, kx, w) => {
    const [top, bottom] = span(from[1], to[1], stride[0], ky - padding[0]);
    const [left, right] = span(from[2], to[2], stride[1], kx - padding[1]);
    for (let y = top; y <= bottom; y++) {
      const row = (c * from[1] + y) * from[2];
      const target = (o * to[1] + y * stride[0] + ky - padding[0]) * to[2] + kx - padding[1];
      for (let i = left; i <= right; i++) out[target + i * stride[1]] += w * x[row + i];
    }
  });
  return out;
}
