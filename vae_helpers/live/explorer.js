// The latent explorer: a map on the left; on the right what is decoded at z, and a digit.

import { COLOURS, latentMap, sign } from "./map.js";
import { announcer, button, choice, figures, h, number, paint, picture, reporter, toggle }
  from "./parts.js";
import { posteriorPanel } from "./posterior.js";
import { arc, cdf, density, line } from "./space.js";
import { Vae } from "./vae.js";

const STRIP = 9; // images from A to B
const HOW = "Click the map, or drag on it. By keys, once it has the focus: arrows (small steps with "
  + "Shift), Home for the middle, a and b for the marks.";

/** Codes (x, y) of the given images, and the place of each label among the classes. */
function givenCodes(vae, given) {
  if (!given) return {};
  const flat = vae.arrays[given.codes];
  const codes = Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i], flat[2 * i + 1]]);
  const classes = [...new Set(given.labels ?? [])].sort((a, b) => a - b);
  return { codes, classes, labels: given.labels?.map((label) => classes.indexOf(label)) };
}

function legend(classes) {
  return h("ul", { className: "vl-legend", "aria-label": "Signs of the digits" },
    ...classes.map((name, i) => {
      const canvas = h("canvas", { width: 32, height: 32, "aria-hidden": "true" });
      const context = canvas.getContext("2d");
      context.scale(2, 2);
      sign(context, i, 8, 8, 5.5);
      return h("li", {}, canvas, String(name));
    }));
}

/** Two strips of images, decoded along the line and along the arc from A to B. */
function strips(vae) {
  const rows = { line, arc };
  const canvases = Object.keys(rows).map((name) =>
    picture(vae.shape, `Images decoded along the ${name} from A to B`, STRIP));
  const captions = ["along the straight line (bent on the map in equal shares)",
    "along the arc, at even angles from the origin (dashed; between nearly opposite marks it swings "
      + "far out; between exactly opposite ones, or from the origin, it is the line)"];
  const element = h("div", { className: "vl-strips", hidden: true }, ...canvases.map((canvas, i) =>
    h("figure", {}, canvas, h("figcaption", {}, captions[i]))));
  const next = h("p", { className: "vl-hint" });
  const show = ({ A, B }) => {
    element.hidden = !(A && B);
    next.hidden = Boolean(A && B);
    const todo = !A && !B ? "Mark two points" :
      `${A ? "A" : "B"} is marked. Now mark ${A ? "B" : "A"} elsewhere`;
    next.textContent = `${todo}: two rows of images will lead from A to B.`;
    if (element.hidden) return;
    Object.values(rows).forEach((path, i) => path(A, B, STRIP).forEach((z, k) =>
      paint(canvases[i], vae.picture(z), vae.shape, k * vae.shape[2])));
  };
  show({});
  return { element, next, show };
}

function figureNames(vae) {
  const names = { z: "z", p: "p: share of the prior to the left, and below", density: "Prior density" };
  if (vae.plan.judge) names.judge = "In this image, the judge sees";
  return names;
}

function pair(values, digits) {
  return `(${values.map((value) => number(value, digits)).join(", ")})`;
}

/** What the judge makes of an image: the two likeliest classes. */
function verdict(vae, image) {
  return vae.judge(image).slice(0, 2).filter(([, share], i) => i === 0 || share >= 0.005)
    .map(([name, share]) => `${name} (${Math.round(100 * share)}%)`).join(", ");
}

function render({ model, el }) {
  const vae = new Vae(model.get("plan"), model.get("weights"));
  const given = vae.plan.given;
  const { codes, classes, labels } = givenCodes(vae, given);
  const state = {
    z: model.get("z"), spacing: model.get("spacing"), showCodes: Boolean(codes),
    digit: null, posterior: null, marks: { A: null, B: null },
  };
  const { report, stop, isPending } = reporter(model);
  const speaker = announcer();
  const terms = figures(figureNames(vae), "At z");
  const decoded = picture(vae.shape, "The image decoded at z");
  decoded.classList.add("vl-large");

  const showPoint = () => {
    const logits = vae.decode(state.z);
    const image = logits.map((x) => 1 / (1 + Math.exp(-x)));
    paint(decoded, image, vae.shape);
    terms.set("z", pair(state.z, 2));
    terms.set("p", pair(state.z.map(cdf), 3));
    terms.set("density", number(density(state.z), 5));
    const seen = vae.plan.judge ? verdict(vae, image) : "";
    if (seen) terms.set("judge", seen);
    if (state.posterior) panel.here(vae.nll(logits, state.digit));
    map.repaint();
    speaker.say(`z ${pair(state.z, 2)}${seen && `, the judge sees ${seen}`}`);
  };
  const moveTo = (z) => {
    // As exact as Python's float32: else it would send its rounded one back, in the middle of a move.
    state.z = z.map(Math.fround);
    showPoint();
    report({ z: state.z });
  };
  const showDigit = (image) => {
    state.digit = image;
    state.posterior = image && vae.score(image);
    panel.show(image, state.posterior);
    if (image) state.z = state.posterior.mu;
    showPoint();
    if (!image) return;
    const { kl, nll, neg_elbo: sum } = state.posterior;
    speaker.say(`KL ${number(kl, 1)}, reconstruction term ${number(nll, 1)}, `
      + `minus ELBO ${number(sum, 1)} nats`);
  };
  const newDigit = (image) => {
    showDigit(image);
    const bytes = image && Uint8Array.from(image, (value) => Math.round(255 * value));
    report({ digit: bytes && new DataView(bytes.buffer), z: state.z });
  };
  const mark = (name, z) => {
    state.marks[name] = z;
    between.show(state.marks);
    map.repaint();
    speaker.say(z ? `${name} marked at ${pair(z, 2)}` : "marks removed");
  };
  const onKey = (key) => {
    const name = key.toUpperCase();
    if (name !== "A" && name !== "B") return false;
    mark(name, state.z);
    return true;
  };
  const setSpacing = (spacing) => {
    state.spacing = spacing;
    map.showTiles();
    map.repaintAll();
  };

  const map = latentMap(vae, state, codes, labels, moveTo, onKey);
  const panel = posteriorPanel(vae, given, speaker.say, newDigit);
  const between = strips(vae);
  const spacing = choice("Map in", { equal: "equal shares", even: "even spacing" }, state.spacing,
    (value) => {
      setSpacing(value);
      report({ spacing: value });
    });
  const controls = h("div", { className: "vl-row" }, spacing.element);
  if (codes)
    controls.append(toggle(`codes of ${codes.length} images`, true, (on) => {
      state.showCodes = on;
      map.repaintAll();
    }).element);
  const removeMarks = () => ["A", "B"].forEach((name) => mark(name, null));
  const marks = h("div", { className: "vl-row", role: "group", "aria-label": "Two marks" },
    button("Mark A here", () => mark("A", state.z)), button("Mark B here", () => mark("B", state.z)),
    button("Remove marks", removeMarks));
  const point = h("div", { className: "vl-point" },
    h("figure", {}, decoded, h("figcaption", {}, "decoded at z")), terms.element);
  const root = h("div", { className: "vae-live", role: "group", "aria-label": "Latent explorer" },
    controls, h("p", { className: "vl-hint" }, HOW),
    h("div", { className: "vl-columns" },
      h("div", { className: "vl-stack vl-wide" }, map.element,
        ...(labels ? [legend(classes)] : []), marks, between.next),
      h("div", { className: "vl-stack" }, point, panel.element)),
    between.element, speaker.element);
  root.setAttribute("data-lm-suppress-shortcuts", "true"); // JupyterLab's own keys stay out
  el.append(root);
  setSpacing(state.spacing);

  const readDigit = () => {
    if (isPending("digit")) return;
    const view = model.get("digit");
    const image = view && Float32Array.from(
      new Uint8Array(view.buffer, view.byteOffset, view.byteLength), (value) => value / 255);
    const same = image && state.digit && image.every((v, i) => Math.abs(v - state.digit[i]) < 0.003);
    if (same || (!image && !state.digit)) return;
    if (image) panel.display(image);
    showDigit(image);
  };
  const readPoint = () => {
    const z = model.get("z");
    if (isPending("z") || z.every((value, i) => value === state.z[i])) return;
    state.z = z;
    showPoint();
  };
  const readSpacing = () => {
    if (isPending("spacing")) return;
    spacing.set(model.get("spacing"));
    if (model.get("spacing") !== state.spacing) setSpacing(model.get("spacing"));
  };
  readDigit();
  state.z = model.get("z");
  showPoint();
  const heard = { "change:z": readPoint, "change:digit": readDigit, "change:spacing": readSpacing };
  for (const [name, callback] of Object.entries(heard)) model.on(name, callback);
  return () => {
    for (const [name, callback] of Object.entries(heard)) model.off(name, callback);
    [stop, speaker.stop, map.stop].forEach((end) => end());
  };
}

export default { render };
