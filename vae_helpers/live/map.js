// The map: decoded tiles below, and above them codes, a posterior, two marks and the point z.

import { arrow, draggable, h, paint } from "./parts.js";
import { arc, ellipse, fromMap, line, toMap } from "./space.js";

const TILES = 20; // along a side
const RINGS = [0.5, 0.9]; // shares of the prior
const CAPTIONS = {
  equal: "Each tile stands for the same share of the prior, 1 in 400.",
  even: "z from −3 to 3. A tile in the middle stands for 1.4% of the prior, one in a corner for "
    + "0.0005%.",
};
// Ten colours that colour-blind readers can tell apart (Petroff, 2021), each with its own shape.
export const COLOURS = ["#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6",
  "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"];
// Corners on a circle, every how-many-th is joined, and the turn of the first one.
const SHAPES = [[24, 1, 0], [4, 1, 0.25], [3, 1, -0.5], [4, 1, 0], [3, 1, 0.5],
  [5, 2, -0.5], [6, 1, 0], [5, 1, -0.5], [8, 3, 0], [7, 2, -0.5]];

/** Draw the sign of the i-th class, with a dark and a light edge that show on any ground. */
export function sign(context, i, x, y, radius) {
  const [corners, every, turn] = SHAPES[i % SHAPES.length];
  context.beginPath();
  for (let k = 0; k < corners; k++) {
    const angle = turn * Math.PI + (2 * Math.PI * k * every) / corners;
    context.lineTo(x + radius * Math.cos(angle), y + radius * Math.sin(angle));
  }
  context.closePath();
  stroked(context, "#000", "#fff", radius > 3 ? 1 : 0.5);
  context.fillStyle = COLOURS[i % COLOURS.length];
  context.fill("nonzero");
}

/** A line of one colour with an edge of another, so that it shows on black and on white. */
function stroked(context, edge, colour, width) {
  context.lineJoin = "round";
  context.strokeStyle = edge;
  context.lineWidth = width + 2;
  context.stroke();
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.stroke();
}

/**
 * The tiles of both spacings, each painted once, a few milliseconds at a time, so that
 * the page never stands still. `show(spacing)` starts or continues; `stop()` ends it.
 */
function tileCanvas(vae) {
  const [, height, width] = vae.shape;
  const size = { width: TILES * width, height: TILES * height };
  const canvas = h("canvas", { className: "vl-tiles", ...size, "aria-hidden": "true" });
  canvas.classList.toggle("vl-sharp", size.width < 400);
  const known = {}; // spacing -> {canvas, done: tiles that are painted}
  let timer, current;
  const work = () => {
    const tiles = known[current];
    const until = performance.now() + 12;
    const first = tiles.done;
    while (tiles.done < TILES ** 2 && performance.now() < until) {
      const [column, row] = [tiles.done % TILES, Math.floor(tiles.done / TILES)];
      const z = fromMap([(column + 0.5) / TILES, (row + 0.5) / TILES], current);
      paint(tiles.canvas, vae.picture(z), vae.shape, column * width, row * height);
      tiles.done++;
    }
    if (first < tiles.done) canvas.getContext("2d").drawImage(tiles.canvas, 0, 0);
    canvas.dataset.tiles = tiles.done;
    if (tiles.done < TILES ** 2) timer = setTimeout(work, 0);
  };
  const show = (spacing) => {
    clearTimeout(timer);
    current = spacing;
    known[spacing] ??= { canvas: h("canvas", size), done: 0 };
    canvas.getContext("2d").drawImage(known[spacing].canvas, 0, 0);
    work();
  };
  return { canvas, show, stop: () => clearTimeout(timer) };
}

/**
 * The whole map. `state` is the explorer's: {z, spacing, posterior, marks, showCodes}; it is read
 * only. `onMove(z)` is called when the reader moves the point, `onKey(key)` for other keys.
 */
export function latentMap(vae, state, codes, labels, onMove, onKey) {
  const tiles = tileCanvas(vae);
  const top = h("canvas", {
    className: "vl-top", tabIndex: 0, role: "application",
    "aria-roledescription": "two-dimensional slider",
    "aria-label": "Map of the latent space. Arrow keys move z, with shift in small steps; "
      + "home goes to the middle; a and b mark the place.",
  });
  const frame = h("div", { className: "vl-map" }, tiles.canvas, top);
  frame.style.aspectRatio = `${vae.shape[2]} / ${vae.shape[1]}`;
  const caption = h("p", { className: "vl-hint" });
  const element = h("div", { className: "vl-stack" }, frame, caption);
  const points = h("canvas"); // rings and codes, painted anew only when they change
  let scale = 1;

  const place = (z) => {
    const [x, y] = toMap(z, state.spacing);
    const inside = (v) => Math.min(1, Math.max(0, v));
    return [inside(x) * top.width / scale, inside(y) * top.height / scale];
  };
  const trace = (context, zs) => {
    context.beginPath();
    zs.forEach((z) => context.lineTo(...place(z)));
  };
  const paintCodes = () => {
    [points.width, points.height] = [top.width, top.height];
    const context = points.getContext("2d");
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.setLineDash([2, 4]);
    for (const share of RINGS) {
      const logvar = Math.log(-2 * Math.log(1 - share)); // of the squared radius
      trace(context, ellipse([0, 0], [logvar, logvar], 1));
      stroked(context, "#000", "#fff", 1.5);
    }
    context.setLineDash([]);
    if (!codes || !state.showCodes) return;
    const radius = Math.min(3.5, Math.max(2, top.width / scale / 160));
    codes.forEach((z, i) => sign(context, labels ? labels[i] : 0, ...place(z), radius));
  };
  const paintTop = () => {
    const context = top.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, top.width, top.height);
    context.drawImage(points, 0, 0);
    context.setTransform(scale, 0, 0, scale, 0, 0);
    paintMarks(context, state.marks, place, trace, [top.width / scale, top.height / scale]);
    paintCross(context, ...place(state.z));
    if (state.posterior) {
      const { mu, logvar } = state.posterior;
      trace(context, ellipse(mu, logvar, 2));
      stroked(context, "#000", "#ffd43b", 2.5);
      trace(context, ellipse(mu, logvar, 1));
      stroked(context, "#000", "#ffd43b", 1);
    }
  };
  const repaintAll = () => {
    paintCodes();
    paintTop();
  };
  const resize = () => {
    const box = frame.getBoundingClientRect();
    if (!box.width) return;
    scale = window.devicePixelRatio || 1;
    [top.width, top.height] = [box.width, box.height].map((v) => Math.round(v * scale));
    repaintAll();
  };

  draggable(top, (x, y) => onMove(fromMap([x, y], state.spacing)));
  top.addEventListener("keydown", (event) => {
    const way = arrow(event);
    if (way) {
      const step = event.shiftKey ? 1 / 200 : 1 / 40;
      const from = toMap(state.z, state.spacing);
      onMove(fromMap([from[0] + step * way[0], from[1] + step * way[1]], state.spacing));
    } else if (event.key === "Home") onMove([0, 0]);
    else if (event.ctrlKey || event.metaKey || event.altKey || !onKey(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
  });
  const observer = new ResizeObserver(resize);
  observer.observe(frame);
  const stop = () => {
    observer.disconnect();
    tiles.stop();
  };
  const showTiles = () => {
    tiles.show(state.spacing);
    caption.textContent = `To the right z₁ grows, upwards z₂. ${CAPTIONS[state.spacing]} `
      + "The dotted rings hold one half and nine tenths of the prior.";
  };
  return { element, showTiles, repaint: paintTop, repaintAll, stop };
}

/** The point z: four strokes around an open middle, where a narrow posterior or a mark may lie. */
function paintCross(context, x, y) {
  context.beginPath();
  for (const [dx, dy] of [[1, 0], [0, 1], [-1, 0], [0, -1]]) {
    context.moveTo(x + 11 * dx, y + 11 * dy);
    context.lineTo(x + 19 * dx, y + 19 * dy);
  }
  stroked(context, "#000", "#fff", 2);
}

/** The marks A and B, wholly inside; the line between them whole and the arc dashed. */
function paintMarks(context, marks, place, trace, size) {
  if (marks.A && marks.B) {
    trace(context, line(marks.A, marks.B, 60));
    stroked(context, "#000", "#74c0fc", 2);
    context.setLineDash([6, 5]);
    trace(context, arc(marks.A, marks.B, 60));
    stroked(context, "#000", "#63e6be", 2);
    context.setLineDash([]);
  }
  for (const [name, z] of Object.entries(marks)) {
    if (!z) continue;
    const [x, y] = place(z).map((v, i) => Math.min(size[i] - 11, Math.max(11, v)));
    context.beginPath();
    context.arc(x, y, 9, 0, 2 * Math.PI);
    stroked(context, "#000", "#fff", 1);
    context.fillStyle = "#1864ab";
    context.fill();
    context.fillStyle = "#fff";
    context.font = "bold 12px sans-serif";
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(name, x, y + 0.5);
  }
}
