// Scales of real digits: a histogram, the line of one percent of alarms, and where this image is.

import { h, number } from "./parts.js";

const [WIDTH, HEIGHT, BASE] = [300, 46, 38];

function svg(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Outline of the histogram; square roots of the counts, so that the thin tail shows. */
function outline(bars) {
  const most = Math.sqrt(Math.max(...bars, 1));
  const steps = bars.map((count, i) => {
    const [left, right] = [i, i + 1].map((k) => ((k / bars.length) * WIDTH).toFixed(1));
    const y = (BASE - (Math.sqrt(count) / most) * (BASE - 8)).toFixed(1);
    return `L${left} ${y}L${right} ${y}`;
  });
  return `M0 ${BASE}${steps.join("")}L${WIDTH} ${BASE}Z`;
}

/** One scale; `show(value)` moves its pointer and tells whether the value raises an alarm. */
export function gauge(name, unit, { low, high, alarm, bars }) {
  const place = (value) => WIDTH * Math.min(1, Math.max(0, (value - low) / (high - low)));
  const pointer = svg("path", { class: "vl-pointer", d: `M0 ${BASE - 6}L6 ${HEIGHT}L-6 ${HEIGHT}Z` });
  const drawing = svg("svg",
    { viewBox: `-8 0 ${WIDTH + 16} ${HEIGHT + 1}`, class: "vl-scale", "aria-hidden": "true" },
    svg("path", { class: "vl-bars", d: outline(bars) }),
    svg("line", { class: "vl-alarm", x1: place(alarm), x2: place(alarm), y1: 0, y2: BASE }),
    svg("line", { class: "vl-axis", x1: 0, x2: WIDTH, y1: BASE, y2: BASE }),
    pointer);
  const text = h("span", { className: "vl-value" });
  const state = h("span", { className: "vl-state" });
  const element = h("div", { className: "vl-gauge", role: "group", "aria-label": name },
    h("div", { className: "vl-row" }, h("span", { className: "vl-name" }, name), text, state),
    drawing,
    h("p", { className: "vl-hint" }, `alarm above ${number(alarm, 1)} ${unit}`));
  const show = (value) => {
    const raised = value > alarm;
    pointer.setAttribute("transform", `translate(${place(value)} 0)`);
    text.textContent = `${number(value, 1)} ${unit}`;
    state.textContent = raised ? (value > high ? "▲ alarm, off the scale" : "▲ alarm")
      : value < low ? "below all but a few digits" : "like real digits";
    element.classList.toggle("vl-raised", raised);
    return raised;
  };
  return { element, show };
}
