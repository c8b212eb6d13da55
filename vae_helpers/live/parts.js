// Parts of the page that both widgets use. Nothing has an id, so that several can stand together.

/** An element: h("p", { className: "a" }, "text", child). Attributes in kebab case are set as such. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

/** Paint pixels in [0, 1], shape (C, H, W), grey or in colour, on a canvas of H by W. */
export function paint(canvas, pixels, [channels, height, width], left = 0, top = 0) {
  const data = new ImageData(width, height);
  const area = height * width;
  for (let i = 0; i < area; i++) {
    for (let c = 0; c < 3; c++)
      data.data[4 * i + c] = Math.round(255 * pixels[(channels === 3 ? c * area : 0) + i]);
    data.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(data, left, top);
}

/** A canvas that shows one image of a shape (C, H, W), or several side by side. */
export function picture([, height, width], label, columns = 1) {
  const canvas = h("canvas", { width: width * columns, height, role: "img", "aria-label": label });
  canvas.className = "vl-picture";
  return canvas;
}

/** A list of named figures; `set(name, text)` changes one. */
export function figures(names, label) {
  const values = new Map();
  const list = h("dl", { className: "vl-figures", "aria-label": label });
  for (const [key, name] of Object.entries(names)) {
    const value = h("dd", {}, "–");
    values.set(key, value);
    list.append(h("div", {}, h("dt", {}, name), value));
  }
  return { element: list, set: (key, text) => (values.get(key).textContent = text) };
}

/** A line that screen readers speak when it has been still for a moment, not at every step. */
export function announcer() {
  const element = h("div", { className: "vl-hidden", role: "status", "aria-live": "polite" });
  let timer;
  const say = (text) => {
    clearTimeout(timer);
    timer = setTimeout(() => (element.textContent = text), 700);
  };
  return { element, say, stop: () => clearTimeout(timer) };
}

/** A group of radio buttons; `set` chooses one without telling. */
export function choice(label, options, chosen, onChange) {
  const name = `vl-${Math.random().toString(36).slice(2)}`; // of this group alone
  const inputs = Object.entries(options).map(([value, text]) => {
    const input = h("input", { type: "radio", name, value, checked: value === chosen });
    input.addEventListener("change", () => onChange(value));
    return [input, h("label", {}, input, ` ${text}`)];
  });
  const element = h("div", { className: "vl-row", role: "radiogroup", "aria-label": label });
  element.append(h("span", { className: "vl-name" }, label), ...inputs.map(([, l]) => l));
  const set = (value) => inputs.forEach(([input]) => (input.checked = input.value === value));
  return { element, set };
}

/** A labelled check box. */
export function toggle(label, checked, onChange) {
  const input = h("input", { type: "checkbox", checked });
  input.addEventListener("change", () => onChange(input.checked));
  return { element: h("label", {}, input, ` ${label}`), input };
}

export function button(label, onClick) {
  const element = h("button", { type: "button", className: "vl-button" }, label);
  element.addEventListener("click", onClick);
  return element;
}

/** Pointer, finger and pen on an element: `move(x, y, isFirst)` with places from 0 to 1. */
export function draggable(element, move, end = () => {}) {
  let active = null; // one finger at a time
  const place = (event) => {
    const box = element.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };
  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || active !== null) return;
    active = event.pointerId;
    // A pointer made by a script can't be captured; it moves all the same.
    try { element.setPointerCapture(active); } catch { /* stays uncaptured */ }
    move(...place(event), true);
  });
  element.addEventListener("pointermove", (event) => {
    if (event.pointerId === active) move(...place(event), false);
  });
  for (const name of ["pointerup", "pointercancel"])
    element.addEventListener(name, (event) => {
      if (event.pointerId !== active) return;
      active = null;
      end();
    });
}

/** How far an arrow key goes, [right, down], or null for another key. */
export function arrow(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  return ways[event.key] ?? null;
}

/**
 * Tells Python, if there is one, what has changed: at once, then at most every 80 ms. What has not
 * been told stays out of the model, where an echo of the last report would overwrite it.
 * `isPending(name)` is true meanwhile: what the model then says of it is out of date.
 */
export function reporter(model) {
  let timer = null, pending = {};
  const send = () => {
    for (const [name, value] of Object.entries(pending)) model.set(name, value);
    pending = {};
    model.save_changes();
    timer = setTimeout(() => {
      timer = null;
      if (Object.keys(pending).length) send();
    }, 80);
  };
  const report = (values) => {
    Object.assign(pending, values);
    if (timer === null) send();
  };
  const stop = () => {
    if (Object.keys(pending).length) send();
    clearTimeout(timer);
  };
  return { report, stop, isPending: (name) => name in pending };
}

/** A number with a real minus sign. */
export function number(value, digits) {
  const rounded = Number(value.toFixed(digits)) || 0; // no minus zero
  return rounded.toFixed(digits).replace("-", "−");
}

export const nats = (value) => `${number(value, 1)} nats`;
