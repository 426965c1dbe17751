// Drawings made by hand: the five dimensions as a radar, a measure on its scale. Each says itself in words too.

const SVG = "http://www.w3.org/2000/svg";
const SIZE = 320;
const MIDDLE = { x: 160, y: 148 };
const RADIUS = 104;

function svg(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Where `value` (0–100) lies on the spoke `place` of `count`, the first pointing up. */
export function spot(place, count, value) {
  const angle = (2 * Math.PI * place) / count - Math.PI / 2;
  const reach = (RADIUS * value) / 100;
  return { x: MIDDLE.x + reach * Math.cos(angle), y: MIDDLE.y + reach * Math.sin(angle) };
}

const at = ({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`;

/** In words, for those who do not see it: "Content 61, depth 40, language not assessed". */
export const inWords = (axes) => axes.map(({ label, score }) => `${label} ${score ?? "not assessed"}`).join(", ");

/** The radar of `axes` (`{label, score}`, score null: not assessed). A shape needs three known scores. */
export function radar(axes) {
  const count = axes.length;
  const ring = (value) => svg("polygon", { class: "ring", points: axes.map((_, place) => at(spot(place, count, value))).join(" ") });
  const known = axes.map(({ score }, place) => ({ score, place })).filter(({ score }) => score !== null);
  const spokes = axes.map(({ score }, place) => {
    const end = spot(place, count, 100);
    return svg("line", { class: score === null ? "spoke blank" : "spoke", x1: MIDDLE.x, y1: MIDDLE.y, x2: end.x.toFixed(1), y2: end.y.toFixed(1) });
  });
  const points = known.map(({ score, place }) => spot(place, count, score));
  const shape = points.length >= 3 ? [svg("polygon", { class: "shape", points: points.map(at).join(" ") })] : [];
  const dots = points.map(({ x, y }) => svg("circle", { class: "dot", cx: x.toFixed(1), cy: y.toFixed(1), r: 5 }));
  const labels = axes.flatMap(({ label, score }, place) => {
    const { x, y } = spot(place, count, 122);
    const side = Math.abs(x - MIDDLE.x) < 4 ? "middle" : x > MIDDLE.x ? "start" : "end";
    const shift = { start: -18, end: 18, middle: 0 }[side];
    return [
      svg("text", { class: "axis", x: (x + shift).toFixed(1), y: (y - 3).toFixed(1), "text-anchor": side }, label),
      svg("text", { class: "value", x: (x + shift).toFixed(1), y: (y + 15).toFixed(1), "text-anchor": side }, score === null ? "–" : String(score)),
    ];
  });
  return svg("svg", { class: "radar", viewBox: `0 0 ${SIZE} 290`, role: "img", "aria-label": `Radar: ${inWords(axes)}` },
    ...[25, 50, 75, 100].map(ring), ...spokes, ...shape, ...dots, ...labels);
}

/** The ends of a measure's scale, so that its range and its value are both on it. */
export function scaleOf({ value, low, high }) {
  const known = [value, low, high].filter((one) => one !== null);
  return { from: 0, to: Math.max(...known) * 1.25 || 1 };
}

/** A measure on its scale: the common range as a band, the value as a dot. Null where there is no range. */
export function range(measure) {
  if (measure.value === null || (measure.low === null && measure.high === null)) return null;
  const { from, to } = scaleOf(measure);
  const x = (value) => (8 + (284 * (value - from)) / (to - from)).toFixed(1);
  const left = x(measure.low ?? from), right = x(measure.high ?? to);
  return svg("svg", { class: "scale", viewBox: "0 0 300 30", "aria-hidden": "true" },
    svg("line", { class: "axis-line", x1: 8, y1: 15, x2: 292, y2: 15 }),
    svg("rect", { class: "band", x: left, y: 8, width: Math.max(2, right - left).toFixed(1), height: 14, rx: 3 }),
    svg("circle", { class: "dot", cx: x(measure.value), cy: 15, r: 7 }));
}
