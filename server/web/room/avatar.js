// The interviewer's face: a blob of marker ink with a letter, that moves with the voice.

const NS = "http://www.w3.org/2000/svg";
const POINTS = 48;
const LOBES = { hr: [2, 3], tech_lead: [4, 2], "panel.manager": [3, 5], "panel.engineer": [5, 3], "panel.people": [2, 5] };

/** An outline inside a box of 200 by 200. `level` 0–1 is the loudness, `turn` the age of the movement in radians. */
export function blobPath(persona, level, turn) {
  const [slow, quick] = LOBES[persona] ?? [3, 4];
  const swing = 4 + 16 * level;
  const radius = 74 + 10 * level;
  const points = Array.from({ length: POINTS }, (_, i) => {
    const angle = (2 * Math.PI * i) / POINTS;
    const r = radius + 0.6 * swing * Math.sin(slow * angle + turn) + 0.4 * swing * Math.sin(quick * angle - 1.7 * turn);
    return `${(100 + r * Math.cos(angle)).toFixed(1)},${(100 + r * Math.sin(angle)).toFixed(1)}`;
  });
  return `M${points.join("L")}Z`;
}

/** A blob in the page: `draw({id, name}, level, turn)` changes it. */
export function makeAvatar(size) {
  const svg = document.createElementNS(NS, "svg");
  const path = document.createElementNS(NS, "path");
  const letter = document.createElementNS(NS, "text");
  for (const [key, value] of Object.entries({ viewBox: "0 0 200 200", width: size, height: size, "aria-hidden": "true", class: "avatar" })) svg.setAttribute(key, value);
  for (const [key, value] of Object.entries({ x: 100, y: 104, "font-size": 84 })) letter.setAttribute(key, value);
  svg.append(path, letter);
  const draw = (persona, level, turn) => {
    path.setAttribute("d", blobPath(persona?.id ?? "", level, turn));
    const initial = (persona?.name ?? "V").slice(0, 1);
    if (letter.textContent !== initial) letter.textContent = initial;
  };
  return { svg, draw };
}
