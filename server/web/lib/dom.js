// Small helpers for building and filling the page. Text is always set as text.

export const $ = (id) => document.getElementById(id);

/** An element: `el("p", {className: "hint", "aria-hidden": "true"}, "words", child)`. */
export function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.includes("-") || key === "role" || key === "for") made.setAttribute(key, value === true ? "" : value);
    else made[key] = value;
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** Set text only when it differs: screen readers repeat what is set again. */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Show one of the page's views, move the focus to its heading. */
export function showView(name) {
  for (const view of document.querySelectorAll("[data-view]")) view.hidden = view.dataset.view !== name;
  document.body.dataset.showing = name;
  const heading = document.querySelector(`[data-view="${name}"] h1`);
  heading?.setAttribute("tabindex", "-1");
  heading?.focus({ preventScroll: true });
  scrollTo(0, 0);
}

export const words = (name) => name.replaceAll("_", " ");
