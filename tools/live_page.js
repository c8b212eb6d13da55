// Wakes the widgets of a page that has no kernel. Each was run by Python when the page was made; its
// state lies in the page, and its module gets a model that answers as JupyterLab's would.
(() => {
  const stored = document.querySelector('script[type="application/json"]').textContent;
  const { texts, models } = JSON.parse(stored);
  const binary = (value) => value instanceof DataView;
  const same = (a, b) =>
    a === b || (!binary(a) && !binary(b) && JSON.stringify(a) === JSON.stringify(b));

  function dataView(base64) {
    const letters = atob(base64);
    const bytes = new Uint8Array(letters.length);
    for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
    return new DataView(bytes.buffer);
  }

  class Model {
    constructor({ state, buffers }) {
      this.state = structuredClone(state);
      this.listeners = new Map();
      for (const [path, key] of buffers) {
        const inner = path.slice(0, -1).reduce((part, name) => part[name], this.state);
        inner[path.at(-1)] = dataView(texts[key]);
      }
    }

    get(name) {
      return this.state[name];
    }

    set(name, value) {
      const wanted = typeof name === "object" ? name : { [name]: value };
      const changed = Object.keys(wanted).filter((key) => !same(this.state[key], wanted[key]));
      for (const key of changed) this.state[key] = wanted[key];
      for (const key of changed) this.tell(`change:${key}`, this, wanted[key]);
      if (changed.length) this.tell("change", this);
    }

    on(names, callback) {
      for (const name of names.split(" ")) {
        if (!this.listeners.has(name)) this.listeners.set(name, new Set());
        this.listeners.get(name).add(callback);
      }
    }

    off(names, callback) {
      for (const name of names ? names.split(" ") : this.listeners.keys()) {
        if (callback) this.listeners.get(name)?.delete(callback);
        else this.listeners.delete(name);
      }
    }

    tell(name, ...values) {
      for (const callback of [...(this.listeners.get(name) ?? [])]) callback(...values);
    }

    save_changes() {} // nobody to tell: there is no kernel

    send() {}
  }

  const once = (make, made = new Map()) => (key) => {
    if (!made.has(key)) made.set(key, make(key));
    return made.get(key);
  };
  const modelOf = once((id) => new Model(models[id]));
  const moduleOf = once((key) => {
    const file = new Blob([texts[key]], { type: "text/javascript" });
    return import(URL.createObjectURL(file));
  });
  const dress = once((key) => {
    const style = document.createElement("style");
    style.textContent = texts[key];
    document.head.append(style);
  });

  async function wake(holder) {
    const { esm, css } = models[holder.dataset.model];
    const el = document.createElement("div");
    el.className = "widget";
    try {
      const { render } = (await moduleOf(esm)).default;
      dress(css);
      holder.append(el);
      holder.classList.add("awake"); // before it renders, so that it can measure itself
      await render({ model: modelOf(holder.dataset.model), el });
    } catch (error) {
      holder.classList.remove("awake");
      el.remove();
      console.error("A widget could not be woken, its picture stays:", error);
    }
  }

  const watch = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        watch.unobserve(target);
        wake(target);
      }
    },
    { rootMargin: "800px" },
  );
  for (const holder of document.querySelectorAll(".live")) watch.observe(holder);
})();
