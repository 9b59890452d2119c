const $ = (id) => document.getElementById(id);
const yuan = (fen) => (fen < 0 ? "−" : "") + "¥" + (Math.abs(fen) / 100).toFixed(2);

let chosen = null; // code_url of the order on the phone
let code = null;   // the payer code shown
let scanner = null;

function el(tag, text = "", attrs = {}) {
  const e = document.createElement(tag);
  e.textContent = text;
  for (const [k, v] of Object.entries(attrs)) e.setAttribute(k, v);
  return e;
}

async function api(method, path, body) {
  const r = await fetch(path, {
    method, headers: body ? { "Content-Type": "application/json" } : {}, body: body && JSON.stringify(body),
  });
  const v = await r.json();
  if (!r.ok) throw new Error(v.message || v.code);
  return v;
}

function note(text, kind = "") {
  $("note").textContent = text;
  $("note").className = kind;
}

async function attempt(what) {
  try { await what(); } catch (e) { note(e.message, "bad"); }
  await refresh();
}

// Text is only replaced when it changed, so that a screen reader and a focused button are left in peace.
const drawn = new Map();
function draw(target, value, make) {
  const key = JSON.stringify(value);
  if (drawn.get(target) === key) return;
  drawn.set(target, key);
  const focus = document.activeElement?.dataset?.key;
  target.replaceChildren(...make(value));
  if (focus) target.querySelector(`[data-key="${CSS.escape(focus)}"]`)?.focus();
}

function drawScreen(orders) {
  if (!orders.some((o) => o.code_url === chosen)) chosen = null;
  draw($("screen"), { orders, chosen }, () => orders.length ? orders.map((o) => {
    const b = el("button", "", { type: "button", "aria-pressed": o.code_url === chosen, "data-key": o.out_trade_no });
    const left = el("span", o.description);
    left.append(el("small", o.paying ? "paying …" : o.out_trade_no));
    b.append(left, el("b", yuan(o.total)));
    b.onclick = () => attempt(async () => {
      await api("POST", "phone/scan", { code_url: o.code_url, action: "" });
      chosen = o.code_url;
      note("Scanned. What does the customer do?");
    });
    const li = el("li");
    li.append(b);
    return li;
  }) : [el("li", "nothing to scan", { class: "hint" })]);
  const o = orders.find((o) => o.code_url === chosen);
  $("sheet").hidden = !o;
  if (o) {
    $("sheet-amount").textContent = yuan(o.total);
    $("sheet-what").textContent = o.description;
  }
}

function drawBooks(c) {
  const t = c.totals;
  draw($("totals"), { t, n: c.orders.length, v: c.violations.length, cut: c.cut, refused: c.refused }, () => [
    ["Orders", c.orders.length], ["Charges", t.charges], ["Charged", yuan(t.charged)], ["Given back", yuan(t.reversed + t.refunded)],
    ["Net", yuan(t.net)], ["Rules broken", c.violations.length, c.violations.length], ["Refused", c.refused], ["Cut off", c.cut],
  ].map(([k, v, bad]) => {
    const d = el("div");
    d.append(el("dt", k), el("dd", v, bad ? { class: "bad" } : {}));
    return d;
  }));
  $("empty").hidden = c.orders.length > 0;
  draw($("orders").tBodies[0], c.orders, (orders) => orders.toReversed().slice(0, 50).map((o) => {
    const tr = el("tr");
    const no = el("td");
    no.append(el("code", o.out_trade_no), el("small", [o.kind, o.description].filter(Boolean).join(" · ")));
    const state = el("td");
    state.append(el("span", o.state || "never executed", { class: "state " + (o.state || "") }));
    const seen = el("td", Object.entries(o.requests).map(([op, n]) => `${op} ${n}`).join(", "));
    seen.append(el("small", o.faults.join(", ")));
    tr.append(no, state, el("td", yuan(o.total), { class: "n" }), el("td", o.charges, { class: o.charges > 1 ? "n bad" : "n" }),
      el("td", yuan(o.reversed), { class: "n" }), el("td", yuan(o.refunded), { class: "n" }), el("td", yuan(o.net), { class: "n" }), seen);
    return tr;
  }));
  draw($("violations"), c.violations, (list) => list.slice(-20).map((v) => el("li", v.what)));
}

function drawLink(l) {
  $("link").setAttribute("aria-pressed", l.up);
  $("link-text").textContent = l.up ? "Network is up: cut it" : "Network is cut: mend it";
}

const modeMeans = {
  quick: "Every model answers to the point after about 120 ms.",
  slow: "Every model answers after 2.5 s: too late for a till.",
  wrong: "Every model answers in time, and nonsense: lies, forbidden verdicts, injected texts.",
  off: "Every model resets the connection.",
};

function drawModels(m) {
  for (const b of document.querySelectorAll("[data-mode]")) b.setAttribute("aria-pressed", b.dataset.mode === m.mode);
  $("models-what").textContent = (modeMeans[m.mode] ?? "A provider has a script of its own.") + (m.providers.length ? "" : " Nobody asked yet.");
  $("providers").hidden = m.providers.length === 0;
  draw($("providers").tBodies[0], m.providers, (list) => list.map((p) => {
    const tr = el("tr");
    const n = (v, bad) => el("td", v, { class: bad ? "n bad" : "n" });
    const told = p.violations.length;
    tr.append(el("td", p.name), el("td", p.setting.script), n(p.calls), n(p.answered), n(p.refused, p.refused), n(p.aborted), n(p.cut),
      n(`${p.tokens_in} in, ${p.tokens_out} out`), n(told, told));
    if (p.last_refusal) tr.children[4].title = p.last_refusal;
    return tr;
  }));
}

function drawScanner(s) {
  scanner = s;
  $("plug").hidden = !s;
  if (s) $("plug").textContent = s.plugged ? "Unplug scanner" : "Plug it in";
  $("hold").disabled = !code || !s?.plugged;
  if (!s) $("hold").textContent = "No scanner attached";
}

// The bars are a drawing, not a symbology: the scanner of this world reads the digits.
function bars(digits) {
  const list = [];
  for (const d of digits) {
    list.push(el("i", "", { class: "w" + (1 + d % 4) }), el("i", "", { class: "s w" + (1 + (d >> 2)) }),
      el("i", "", { class: "w" + (1 + (d * 7) % 3) }), el("i", "", { class: "s w2" }));
  }
  return list;
}

function drawCode() {
  if (!code) return;
  const left = Math.ceil((new Date(code.expires_at) - Date.now()) / 1000);
  $("code-life").textContent = left > 0 ? `good for ${left} s, once` : "expired: take a fresh one";
}

async function freshCode() {
  code = await api("POST", "phone/codes", { behaviour: $("behaviour").value });
  $("code").textContent = code.auth_code.replace(/(\d{4})(\d{4})(\d{4})(\d{6})/, "$1 $2 $3 $4");
  $("bars").replaceChildren(...bars(code.auth_code));
  note("A fresh payer code.");
}

async function refresh() {
  try {
    const [screen, counts, link, models, sc] = await Promise.all([
      api("GET", "phone/screen"), api("GET", "counts"), api("GET", "link"), api("GET", "models"), api("GET", "scanner").catch(() => null),
    ]);
    drawScreen(screen); drawBooks(counts); drawLink(link); drawModels(models); drawScanner(sc); drawCode();
  } catch (e) {
    note("The simulator does not answer: " + e.message, "bad");
  }
}

function tab(name) {
  for (const t of ["scan", "pay"]) {
    $("tab-" + t).setAttribute("aria-selected", t === name);
    $("pane-" + t).hidden = t !== name;
  }
}
$("tab-scan").onclick = () => tab("scan");
$("tab-pay").onclick = () => attempt(async () => { tab("pay"); if (!code) await freshCode(); });
$("fresh").onclick = () => attempt(freshCode);
$("behaviour").onchange = () => attempt(freshCode);
$("hold").onclick = () => attempt(async () => {
  await api("POST", "scanner", { data: code.auth_code });
  note("The scanner beeped.", "good");
});
$("plug").onclick = () => attempt(async () => {
  const s = await api("POST", "scanner", scanner.plugged ? { unplug: true } : { replug: true });
  note(s.plugged ? "Plugged in." : "Unplugged.");
});
$("link").onclick = () => attempt(() => api("POST", "link", { up: $("link").getAttribute("aria-pressed") !== "true" }));
for (const b of document.querySelectorAll("[data-mode]")) {
  b.onclick = () => attempt(async () => {
    await api("POST", "models", { mode: b.dataset.mode });
    note(`Models are ${b.dataset.mode}.`);
  });
}
for (const b of document.querySelectorAll("[data-action]")) {
  b.onclick = () => attempt(async () => {
    const r = await api("POST", "phone/scan", { code_url: chosen, action: b.dataset.action });
    note(`${yuan(r.total)}: ${r.state === "SUCCESS" ? "paid" : b.dataset.action === "pay_late" ? "will be paid" : "not paid"}`, r.state === "SUCCESS" ? "good" : "");
  });
}

const faults = await api("GET", "faults");
$("faults").tBodies[0].replaceChildren(...faults.sort((a, b) => a.tail - b.tail).map((f) => {
  const tr = el("tr");
  tr.append(el("td", String(f.tail).padStart(2, "0"), { class: "n" }), el("td", f.name), el("td", f.amount_ops.length === 5 ? "money" : f.amount_ops.join(", ")), el("td", f.what), el("td", f.ends));
  return tr;
}));
// One question after the other: a slow answer must not pile up more.
for (;;) {
  await refresh();
  await new Promise((r) => setTimeout(r, 700));
}
