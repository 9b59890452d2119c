// What both pages need: elements, the simulator's answers, and money.
export const $ = (id) => document.getElementById(id);

export function el(tag, text = "", attrs = {}) {
  const e = document.createElement(tag);
  e.textContent = text;
  for (const [k, v] of Object.entries(attrs)) e.setAttribute(k, v);
  return e;
}

export async function api(method, path, body) {
  const r = await fetch(path, {
    method, headers: body ? { "Content-Type": "application/json" } : {}, body: body && JSON.stringify(body),
  });
  const v = await r.json();
  if (!r.ok) throw new Error(v.message || v.code);
  return v;
}

const places = { JPY: 0, KRW: 0, VND: 0 };
export function money(minor, currency = "CNY") {
  const n = places[currency] ?? 2;
  return `${minor < 0 ? "−" : ""}${currency === "CNY" ? "¥" : currency + " "}${(Math.abs(minor) / 10 ** n).toFixed(n)}`;
}

// Text is only replaced when it changed, so that a screen reader and a focused button are left in peace.
const drawn = new Map();
export function draw(target, value, make) {
  const key = JSON.stringify(value);
  if (drawn.get(target) === key) return;
  drawn.set(target, key);
  const focus = document.activeElement?.dataset?.key;
  target.replaceChildren(...make(value));
  if (focus) target.querySelector(`[data-key="${CSS.escape(focus)}"]`)?.focus();
}
