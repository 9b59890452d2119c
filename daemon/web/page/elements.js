// What every view is put together from.

export const $ = (id) => document.getElementById(id);

export function element(name, text, ...children) {
  const e = document.createElement(name);
  if (text) e.textContent = text;
  e.append(...children);
  return e;
}

export function button(text, press) {
  const b = element('button', text);
  b.type = 'button';
  b.addEventListener('click', press);
  return b;
}

export function input(label, max) {
  const i = element('input');
  i.maxLength = max;
  i.autocomplete = 'off';
  i.placeholder = label;
  i.setAttribute('aria-label', label);
  return i;
}
