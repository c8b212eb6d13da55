// The drawing pad: a field on the left, what the networks make of it on the right.

import { drawingField } from "./drawing.js";
import { gauge } from "./gauges.js";
import { announcer, button, h, number, paint, picture, reporter, toggle } from "./parts.js";
import { Vae } from "./vae.js";

const SCORES = {
  kl: ["KL", "nats"],
  nll: ["Reconstruction term", "nats"],
  neg_elbo: ["−ELBO", "nats"],
  distance: ["Detector's distance", "standard deviations"],
};

/** Things to try, made from the ten digits and the mean of many; each is called anew. */
function examples(vae) {
  const size = 28 * 28;
  const [all, mean] = [vae.plan.examples, vae.plan.pixel_mean].map((i) => vae.arrays[i]);
  let next = -1;
  const digit = () =>
    Float32Array.from(all.subarray(next * size, (next + 1) * size), (value) => value / 255);
  const coins = (chance) => Float32Array.from({ length: size }, (_, i) =>
    Number(Math.random() < chance(i)));
  const shifted = (image, by) => image.map((_, i) => {
    const [x, y] = [(i % 28) - by, Math.floor(i / 28) - by];
    return x < 0 || y < 0 ? 0 : image[y * 28 + x];
  });
  const pick = (n = next) => {
    next = n;
    return digit();
  };
  pick(0);
  return {
    "A digit": () => pick((next + 1) % 10),
    Inverted: () => digit().map((value) => 1 - value),
    Shifted: () => shifted(digit(), 5),
    "White noise": () => coins(() => 0.5),
    "Pixel-mean noise": () => coins((i) => mean[i] / 255),
    Blank: () => new Float32Array(size),
  };
}

function render({ model, el }) {
  const vae = new Vae(model.get("plan"), model.get("weights"));
  const { report, stop, isPending } = reporter(model);
  const speaker = announcer();
  const seen = picture(vae.shape, "What the network sees");
  const rebuilt = picture(vae.shape, "The reconstruction");
  [seen, rebuilt].forEach((canvas) => canvas.classList.add("vl-large"));
  const gauges = new Map(Object.entries(vae.plan.scales).map(([key, scale]) =>
    [key, gauge(...SCORES[key], scale)]));
  let image = null;

  const show = (next) => {
    image = next;
    const score = vae.score(image);
    paint(seen, image, vae.shape);
    paint(rebuilt, score.picture, vae.shape);
    const words = [];
    for (const [key, { show: point }] of gauges)
      words.push(`${SCORES[key][0]} ${number(score[key], 1)}${point(score[key]) ? ", alarm" : ""}`);
    speaker.say(words.join("; "));
  };
  const showAndReport = (next) => {
    show(next);
    const bytes = Uint8Array.from(next, (value) => Math.round(255 * value));
    report({ image: new DataView(bytes.buffer) });
  };
  // The reader's own choice for drawings; examples come as they are, whatever it says.
  let wanted = true;
  const drawn = (isNew) => {
    if (isNew || field.isEmpty()) centred.input.checked = wanted;
    showAndReport(field.image(centred.input.checked));
  };
  const field = drawingField(vae.shape, vae.binary, speaker.say, drawn);
  const centred = toggle("Centre and scale as MNIST does", true, (on) => {
    wanted = on;
    showAndReport(field.image(on));
  });
  const display = (next) => {
    field.show(next);
    centred.input.checked = false;
  };
  const tries = Object.entries(examples(vae)).map(([name, make]) => button(name, () => {
    const next = make();
    display(next);
    showAndReport(next);
  }));
  const erase = button("Erase", () => {
    field.clear();
    drawn(false);
  });

  const root = h("div", { className: "vae-live", role: "group", "aria-label": "Drawing pad" },
    h("div", { className: "vl-columns" },
      h("div", { className: "vl-stack" }, field.canvas,
        h("div", { className: "vl-row" }, erase, centred.element),
        h("div", { className: "vl-row", role: "group", "aria-label": "Examples" },
          h("span", { className: "vl-name" }, "Or try"), ...tries),
        h("div", { className: "vl-pair" },
          h("figure", {}, seen, h("figcaption", {}, "seen")),
          h("figure", {}, rebuilt, h("figcaption", {}, "reconstruction")))),
      h("div", { className: "vl-stack vl-wide" },
        h("p", { className: "vl-hint" }, "Grey: real digits (heights are square roots). "
          + "Line: one real digit in a hundred lies above it. Reconstruction and −ELBO at z = μ."),
        ...[...gauges.values()].map(({ element }) => element))),
    speaker.element);
  root.setAttribute("data-lm-suppress-shortcuts", "true"); // JupyterLab's own keys stay out
  el.append(root);

  const read = () => {
    if (isPending("image")) return;
    const view = model.get("image");
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    const same = image && bytes.every((value, i) => value === Math.round(255 * image[i]));
    if (same) return;
    const next = Float32Array.from(bytes, (value) => value / 255);
    display(next);
    show(next);
  };
  read();
  model.on("change:image", read);
  return () => {
    model.off("change:image", read);
    stop();
    speaker.stop();
  };
}

export default { render };
