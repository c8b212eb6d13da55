// Marks the section that is being read in the table of contents. Without this, all can be read.
(() => {
  const contents = document.querySelector(".contents");
  const details = contents.querySelector("details");
  const list = contents.querySelector("ul");
  const links = [...list.querySelectorAll("a")];
  const headings = links.map((link) => document.getElementById(link.hash.slice(1)));
  const narrow = matchMedia("(max-width: 69.99rem)"); // as in page.css
  let marked = null;

  function current() {
    const end = document.documentElement.scrollHeight - 2;
    if (scrollY > 0 && scrollY + innerHeight >= end) return links.length - 1;
    const line = Math.max(120, innerHeight / 4);
    const last = headings.findLastIndex((h) => h.getBoundingClientRect().top <= line);
    return Math.max(0, last);
  }

  function follow() {
    const link = links[current()];
    if (link === marked) return;
    marked?.removeAttribute("aria-current");
    link.setAttribute("aria-current", "location");
    contents.querySelector(".here").textContent = `: ${link.textContent}`;
    const where = link.offsetTop - list.scrollTop;
    if (where < 0 || where > list.clientHeight - 2 * link.offsetHeight) {
      list.scrollTop = link.offsetTop - list.clientHeight / 2;
    }
    marked = link;
  }

  function fold() {
    details.open = !narrow.matches;
  }

  contents.classList.add("follows");
  fold();
  narrow.addEventListener("change", fold);
  list.addEventListener("click", () => narrow.matches && fold());
  let waiting = false;
  const soon = () => {
    if (!waiting) requestAnimationFrame(() => ((waiting = false), follow()));
    waiting = true;
  };
  addEventListener("scroll", soon, { passive: true });
  addEventListener("resize", soon);
  addEventListener("load", soon);
  follow();
})();
