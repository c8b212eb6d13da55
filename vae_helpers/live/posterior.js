// The panel of one digit: picked from those given or drawn, with its posterior in figures.

import { drawingField } from "./drawing.js";
import { button, figures, h, nats, number, paint, picture, toggle } from "./parts.js";

const TERMS = {
  kl: "KL",
  parts: "of it by place + by width",
  nll: "Reconstruction term at μ",
  neg_elbo: "−ELBO: the sum",
  here: "Reconstruction term at your z",
};

/**
 * `onDigit(image)` hears of a new image, or of null when there is none any more. Colour images
 * can only be picked. `show(image, score)` and `here(value)` fill in what was computed.
 */
export function posteriorPanel(vae, given, say, onDigit) {
  const grey = vae.shape[0] === 1;
  const terms = figures(TERMS, "Of this digit");
  const original = picture(vae.shape, "The digit as the network sees it");
  const rebuilt = picture(vae.shape, "Its reconstruction, decoded at the mean of its posterior");
  const thumbs = given ? thumbnails(vae, given, (image) => pick(image)) : null;
  let field, centred;

  const pick = (image) => {
    field?.show(image);
    onDigit(image);
  };
  const drawn = () => {
    thumbs?.clear();
    onDigit(field.isEmpty() ? null : field.image(centred.input.checked));
  };
  const clear = () => {
    field?.clear();
    thumbs?.clear();
    onDigit(null);
  };
  if (grey) {
    field = drawingField(vae.shape, vae.binary, say, drawn, true);
    field.clear();
    centred = toggle("Centre and scale as MNIST does", true, drawn);
  }
  const buttons = grey ? [button("Erase", clear), centred.element] : [button("None", clear)];
  const shown = h("div", { className: "vl-pair" },
    h("figure", {}, original, h("figcaption", {}, "seen")),
    h("figure", {}, rebuilt, h("figcaption", {}, "rebuilt")));
  const element = h("section", { className: "vl-panel", "aria-label": "A digit and its posterior" },
    h("p", { className: "vl-title" }, "A digit and its posterior"),
    h("p", { className: "vl-hint" }, hint(grey, given)),
    ...(thumbs ? [thumbs.element] : []),
    h("div", { className: "vl-digit" }, ...(grey ? [field.canvas] : []),
      h("div", { className: "vl-stack" }, shown, h("div", { className: "vl-row" }, ...buttons))),
    terms.element);

  const show = (image, score) => {
    const blank = new Float32Array(vae.shape[0] * vae.shape[1] * vae.shape[2]);
    paint(original, image ?? blank, vae.shape);
    paint(rebuilt, score?.picture ?? blank, vae.shape);
    for (const key of Object.keys(TERMS)) terms.set(key, score?.[key] ? nats(score[key]) : "–");
    if (score) terms.set("parts", parts(score).map((value) => number(value, 1)).join(" + "));
  };
  const here = (value) => terms.set("here", nats(value));
  show(null, null);
  return { element, show, here, display: (image) => field?.show(image) };
}

/**
 * The two parts of the KL: of a centre away from the origin, and of a width other than 1. Rounded
 * so that they add up to the KL as it is shown.
 */
function parts({ mu, kl }) {
  const tenths = (value) => Math.round(10 * value) / 10;
  const byPlace = tenths(0.5 * mu.reduce((sum, m) => sum + m * m, 0));
  return [byPlace, tenths(kl) - byPlace];
}

function hint(grey, given) {
  const ways = [given ? "pick one" : "", grey ? "draw one" : ""].filter(Boolean).join(" or ");
  return `${ways ? `${ways[0].toUpperCase()}${ways.slice(1)}. ` : ""}The encoder answers with a `
    + "posterior: where on the map the image may come from (yellow, one and two standard "
    + "deviations). Its KL tells how far it is from the prior: 0 if it were the prior itself; the "
    + "farther out (place) and the narrower (width), the larger. Sizes on the map are true in even "
    + "spacing.";
}

/** Small pictures as radio buttons: one stop of the tab key, arrow keys between them. */
function thumbnails(vae, given, onPick) {
  const size = vae.shape.reduce((a, b) => a * b);
  const all = vae.arrays[given.images];
  const name = `vl-${Math.random().toString(36).slice(2)}`;
  const inputs = [];
  const group = h("div", { className: "vl-thumbs", role: "radiogroup", "aria-label": "Given images" });
  for (let i = 0; i < all.length / size; i++) {
    const image = Float32Array.from(all.subarray(i * size, (i + 1) * size), (v) => v / 255);
    const label = `Image ${i + 1}` + (given.names ? `, a ${given.names[i]}` : "");
    const input = h("input", { type: "radio", name, "aria-label": label });
    const canvas = h("canvas", { width: vae.shape[2], height: vae.shape[1], "aria-hidden": "true" });
    paint(canvas, image, vae.shape);
    input.addEventListener("change", () => onPick(image));
    input.addEventListener("click", () => onPick(image)); // once more, after moving away
    inputs.push(input);
    group.append(h("label", { className: "vl-thumb", title: label }, input, canvas));
  }
  return { element: group, clear: () => inputs.forEach((input) => (input.checked = false)) };
}
