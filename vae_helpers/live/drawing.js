// A field to draw on with pointer, finger or keys, and what a network sees of the drawing.

import { arrow, draggable, h } from "./parts.js";

const FINE = 8; // points of the field along a pixel of the image
const PEN = 1.15 * FINE; // radius; MNIST's strokes are two to three pixels wide

/** The image (H, W) of a field whose pixels are FINE by FINE points: means. */
export function shrink(field, [, height, width]) {
  const image = new Float32Array(height * width);
  const across = width * FINE;
  field.forEach((value, i) => {
    const row = Math.floor(i / across / FINE);
    const column = Math.floor((i % across) / FINE);
    image[row * width + column] += value / FINE ** 2;
  });
  return image;
}

/** Smallest box around what is drawn: {left, top, width, height}, or null. */
function bounds(field, across) {
  let [left, top, right, bottom] = [Infinity, Infinity, -1, -1];
  field.forEach((value, i) => {
    if (value < 0.5) return;
    const [x, y] = [i % across, Math.floor(i / across)];
    [left, right] = [Math.min(left, x), Math.max(right, x)];
    [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
  });
  return right < 0 ? null : { left, top, width: right - left + 1, height: bottom - top + 1 };
}

/** As MNIST was made: the longer side becomes 20 pixels, the centre of mass goes to the middle. */
export function centre(field, [, height, width]) {
  const across = width * FINE;
  const box = bounds(field, across);
  const image = new Float32Array(height * width);
  if (!box) return image;
  const scale = Math.max(box.width, box.height) / ((20 / 28) * Math.max(height, width));
  const rows = Math.max(1, Math.round(box.height / scale));
  const columns = Math.max(1, Math.round(box.width / scale));
  const small = new Float32Array(rows * columns);
  let [mass, sumX, sumY] = [0, 0, 0];
  for (let i = 0; i < small.length; i++) {
    const [x, y] = [i % columns, Math.floor(i / columns)];
    const value = boxMean(field, across, box, x / columns, y / rows, 1 / columns, 1 / rows);
    small[i] = value;
    mass += value;
    sumX += x * value;
    sumY += y * value;
  }
  // MNIST's digits balance on pixel 14 of 0 to 27 (13.99 and 14.01 on the mean of 1,000).
  const left = Math.round(width / 2 - sumX / mass);
  const top = Math.round(height / 2 - sumY / mass);
  for (let i = 0; i < small.length; i++) {
    const [x, y] = [left + (i % columns), top + Math.floor(i / columns)];
    if (x >= 0 && x < width && y >= 0 && y < height) image[y * width + x] = small[i];
  }
  return image;
}

/** Mean of 4 by 4 points of the field, in a part of the box that is given from 0 to 1. */
function boxMean(field, across, box, x, y, dx, dy) {
  let sum = 0;
  for (let i = 0; i < 16; i++) {
    // Rounded before the box's place is added: the same drawing elsewhere gives the same means.
    const px = box.left + Math.floor(box.width * (x + (dx * ((i % 4) + 0.5)) / 4));
    const py = box.top + Math.floor(box.height * (y + (dy * (Math.floor(i / 4) + 0.5)) / 4));
    sum += field[py * across + px];
  }
  return sum / 16;
}

/** Blacken all points within PEN of the way from (x0, y0) to (x1, y1), in points of the field. */
function stroke(field, across, down, [x0, y0], [x1, y1]) {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const length2 = dx * dx + dy * dy || 1;
  const range = (a, b, n) => [
    Math.max(0, Math.floor(Math.min(a, b) - PEN)), Math.min(n - 1, Math.ceil(Math.max(a, b) + PEN)),
  ];
  const [left, right] = range(x0, x1, across);
  const [top, bottom] = range(y0, y1, down);
  for (let y = top; y <= bottom; y++)
    for (let x = left; x <= right; x++) {
      const t = Math.min(1, Math.max(0, ((x - x0) * dx + (y - y0) * dy) / length2));
      if (Math.hypot(x - x0 - t * dx, y - y0 - t * dy) <= PEN) field[y * across + x] = 1;
    }
}

/**
 * The field. `onDraw(isNew)` is called after each stroke or erasure by the reader.
 * `image(centred)` is what the network sees; `show(image)` puts an image on the field, and the
 * first stroke after it goes over the image, or, if `anew`, begins with an empty field.
 */
export function drawingField(shape, binary, say, onDraw, anew = false) {
  const [, height, width] = shape;
  const [across, down] = [width * FINE, height * FINE];
  const field = new Float32Array(across * down);
  const canvas = h("canvas", {
    className: "vl-field", width: across, height: down, tabIndex: 0, role: "application",
    "aria-roledescription": "drawing field",
    "aria-label": "Field to draw on. Arrow keys move the pen, space puts it down or lifts it, "
      + "delete erases everything.",
  });
  const pen = { at: [across / 2, down / 2], isDown: false };
  let [empty, shown] = [true, false]; // shown: what is on the field was not drawn there

  const repaint = () => {
    const context = canvas.getContext("2d");
    const pixels = context.createImageData(across, down);
    field.forEach((value, i) => pixels.data.fill(255 * value, 4 * i, 4 * i + 3));
    for (let i = 3; i < pixels.data.length; i += 4) pixels.data[i] = 255;
    context.putImageData(pixels, 0, 0);
    if (empty) invite(context, across, down);
    if (document.activeElement === canvas || canvas.getRootNode().activeElement === canvas)
      ring(context, pen);
  };
  const draw = (from, to) => {
    if (anew && shown) {
      field.fill(0);
      [empty, shown] = [true, false];
    }
    const isNew = empty;
    empty = false;
    stroke(field, across, down, from, to);
    pen.at = to;
    repaint();
    onDraw(isNew);
  };
  const clear = () => {
    field.fill(0);
    [empty, shown, pen.isDown] = [true, false, false];
    repaint();
  };

  draggable(canvas, (x, y, isFirst) => {
    const to = [x * across, y * down];
    draw(isFirst ? to : pen.at, to);
  });
  canvas.addEventListener("keydown", (event) => {
    const way = arrow(event);
    if (way) {
      const size = (event.shiftKey ? 0.25 : 1) * FINE;
      const limit = (v, n) => Math.min(n - 1, Math.max(0, v));
      const to = [limit(pen.at[0] + size * way[0], across), limit(pen.at[1] + size * way[1], down)];
      if (pen.isDown) draw(pen.at, to);
      pen.at = to;
      repaint();
    } else if (event.key === " ") {
      pen.isDown = !pen.isDown;
      if (pen.isDown) draw(pen.at, pen.at);
      say(pen.isDown ? "pen down" : "pen up");
      repaint();
    } else if (event.key === "Delete" || event.key === "Backspace") {
      clear();
      onDraw(false);
      say("erased");
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  canvas.addEventListener("focus", repaint);
  canvas.addEventListener("blur", repaint);

  return {
    canvas,
    clear,
    isEmpty: () => empty,
    image(centred) {
      const seen = centred ? centre(field, shape) : shrink(field, shape);
      return binary ? seen.map((value) => (value >= 0.5 ? 1 : 0)) : seen;
    },
    show(image) {
      for (let i = 0; i < field.length; i++) {
        const row = Math.floor(i / across / FINE);
        field[i] = image[row * width + Math.floor((i % across) / FINE)];
      }
      empty = !image.some((value) => value > 0);
      shown = !empty;
      pen.isDown = false;
      repaint();
    },
  };
}

function invite(context, across, down) {
  context.fillStyle = "#9a9a9a";
  context.font = `${Math.round(across / 11)}px sans-serif`;
  context.textAlign = "center";
  context.fillText("draw here", across / 2, down / 2);
}

/** Where the pen is, for those who draw by keys; filled while it is down. */
function ring(context, { at, isDown }) {
  context.beginPath();
  context.arc(at[0], at[1], PEN, 0, 2 * Math.PI);
  context.lineWidth = 3;
  context.strokeStyle = "#e8590c";
  context.stroke();
  context.fillStyle = "#e8590c";
  if (isDown) context.fill();
}
