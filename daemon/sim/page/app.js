import { $, api, draw, el, money } from "./kit.js";
import { drawBank, wireBank } from "./bank.js";
import { drawAI, drawRates, drawScenarios, drawWallet, wire } from "./scenarios.js";
import { label, lang, t } from "./words.js";

let chosen = null; // code_url of the order on the phone
let code = null;   // the payer code shown
let scanner = null;

// sums is money of several orders, each currency by itself.
function sums(orders, of) {
  const by = {};
  for (const o of orders) if (o.currency) by[o.currency] = (by[o.currency] ?? 0) + of(o);
  return Object.entries(by).map(([currency, n]) => money(n, currency)).join(" · ") || money(0, "CNY");
}

function note(text, kind = "") {
  $("note").textContent = text;
  $("note").className = kind;
}

async function attempt(what) {
  try { await what(); } catch (e) { note(e.message, "bad"); }
  await refresh();
}

function drawScreen(orders) {
  if (!orders.some((o) => o.code_url === chosen)) chosen = null;
  draw($("screen"), { orders, chosen }, () => orders.length ? orders.map((o) => {
    const b = el("button", "", { type: "button", "aria-pressed": o.code_url === chosen, "data-key": o.out_trade_no });
    const left = el("span", o.description);
    left.append(el("small", o.paying ? t("paying") : o.out_trade_no));
    b.append(left, el("b", money(o.total, o.currency)));
    b.onclick = () => attempt(async () => {
      await api("POST", "phone/scan", { code_url: o.code_url, action: "" });
      chosen = o.code_url;
      note(t("scanned"));
    });
    const li = el("li");
    li.append(b);
    return li;
  }) : [el("li", t("nothing"), { class: "hint" })]);
  const o = orders.find((o) => o.code_url === chosen);
  $("sheet").hidden = !o;
  if (o) {
    $("sheet-amount").textContent = money(o.total, o.currency);
    $("sheet-what").textContent = o.description;
  }
}

function drawBooks(c) {
  const m = c.totals;
  draw($("totals"), { m, n: c.orders.length, v: c.violations.length, cut: c.cut, refused: c.refused }, () => [
    [t("orders"), c.orders.length], [t("charges"), m.charges], [t("charged"), sums(c.orders, (o) => o.charged)], [t("back"), sums(c.orders, (o) => o.reversed + o.refunded)],
    [t("net"), sums(c.orders, (o) => o.net)], [t("broken"), c.violations.length, c.violations.length], [t("refused"), c.refused], [t("cut"), c.cut],
  ].map(([k, v, bad]) => {
    const d = el("div");
    d.append(el("dt", k), el("dd", v, bad ? { class: "bad" } : {}));
    return d;
  }));
  $("empty").hidden = c.orders.length > 0;
  draw($("orders").tBodies[0], c.orders, (orders) => orders.toReversed().slice(0, 50).map((o) => {
    const tr = el("tr");
    const no = el("td");
    no.append(el("code", o.out_trade_no), el("small", [o.kind, o.description, o.shadow_of && t("shadow", { no: o.shadow_of })].filter(Boolean).join(" · "), o.shadow_of ? { class: "bad" } : {}));
    const state = el("td");
    state.append(el("span", o.state || t("never"), { class: "state " + (o.state || "") }));
    const seen = el("td", Object.entries(o.requests).map(([op, n]) => `${op} ${n}`).join(", "));
    seen.append(el("small", o.faults.join(", ")));
    tr.append(no, state, el("td", money(o.total, o.currency), { class: "n" }), el("td", o.charges, { class: o.charges > 1 ? "n bad" : "n" }),
      el("td", money(o.reversed, o.currency), { class: "n" }), el("td", money(o.refunded, o.currency), { class: "n" }), el("td", money(o.net, o.currency), { class: "n" }), seen);
    return tr;
  }));
  $("payers").hidden = Object.keys(c.payers).length === 0;
  draw($("payers").tBodies[0], c.payers, (payers) => Object.entries(payers).map(([name, m]) => {
    const tr = el("tr");
    const n = (v) => el("td", v, { class: "n" });
    const who = el("td");
    who.append(el("code", name));
    tr.append(who, n(m.charges), n(m.reversals), n(m.refunds), n(sums(c.orders.filter((o) => o.payer === name), (o) => o.net)));
    return tr;
  }));
  draw($("violations"), c.violations, (list) => list.slice(-20).map((v) => el("li", v.what)));
}

function drawLink(l) {
  $("link").setAttribute("aria-pressed", l.up);
  $("link-text").textContent = t(l.up ? "link_up" : "link_down");
}

function drawModels(m) {
  for (const b of document.querySelectorAll("[data-mode]")) b.setAttribute("aria-pressed", b.dataset.mode === m.mode);
  $("models-what").textContent = t(m.mode ? "m_" + m.mode : "m_own") + (m.providers.length ? "" : " " + t("m_nobody"));
  $("providers").hidden = m.providers.length === 0;
  draw($("providers").tBodies[0], m.providers, (list) => list.map((p) => {
    const tr = el("tr");
    const n = (v, bad) => el("td", v, { class: bad ? "n bad" : "n" });
    const told = p.violations.length;
    tr.append(el("td", p.name), el("td", p.setting.script), n(p.calls), n(p.answered), n(p.refused, p.refused), n(p.aborted), n(p.cut),
      n(`${p.tokens_in} → ${p.tokens_out}`), n(told, told));
    if (p.last_refusal) tr.children[4].title = p.last_refusal;
    return tr;
  }));
}

function drawScanner(s) {
  scanner = s;
  $("plug").hidden = !s;
  if (s) $("plug").textContent = t(s.plugged ? "unplug" : "plug");
  $("hold").disabled = !code || !s?.plugged;
  if (!s) $("hold").textContent = t("no_scanner");
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
  $("code-life").textContent = left > 0 ? t("good_for", { n: left }) : t("expired");
}

async function freshCode() {
  code = await api("POST", "phone/codes", { behaviour: $("behaviour").value });
  $("code").textContent = code.auth_code.replace(/(\d{4})(\d{4})(\d{4})(\d{6})/, "$1 $2 $3 $4");
  $("bars").replaceChildren(...bars(code.auth_code));
  note(t("a_fresh"));
}

async function refresh() {
  try {
    const [screen, counts, link, models, sc, list, ai, notices, wallet, selfies] = await Promise.all([
      api("GET", "phone/screen"), api("GET", "counts"), api("GET", "link"), api("GET", "models"), api("GET", "scanner").catch(() => null),
      api("GET", "scenarios"), api("GET", "ai"), api("GET", "notices"), api("GET", "phone/account"), api("GET", "phone/liveness"),
    ]);
    drawScreen(screen); drawBooks(counts); drawLink(link); drawModels(models); drawScanner(sc); drawCode();
    drawScenarios(list, attempt); drawAI(counts.ai, counts.notices); drawRates(ai, notices); drawWallet(wallet, selfies);
    await drawBank(attempt, note);
  } catch (e) {
    note(t("gone", { why: e.message }), "bad");
  }
}

function tab(name) {
  for (const k of ["scan", "bank", "pay"]) {
    $("tab-" + k).setAttribute("aria-selected", k === name);
    $("pane-" + k).hidden = k !== name;
  }
}
$("tab-scan").onclick = () => tab("scan");
$("tab-bank").onclick = () => tab("bank");
$("tab-pay").onclick = () => attempt(async () => { tab("pay"); if (!code) await freshCode(); });
$("fresh").onclick = () => attempt(freshCode);
$("behaviour").onchange = () => attempt(freshCode);
$("hold").onclick = () => attempt(async () => {
  await api("POST", "scanner", { data: code.auth_code });
  note(t("beeped"), "good");
});
$("plug").onclick = () => attempt(async () => {
  const s = await api("POST", "scanner", scanner.plugged ? { unplug: true } : { replug: true });
  note(t(s.plugged ? "plugged" : "unplugged"));
});
$("link").onclick = () => attempt(() => api("POST", "link", { up: $("link").getAttribute("aria-pressed") !== "true" }));
for (const b of document.querySelectorAll("[data-mode]")) {
  b.onclick = () => attempt(async () => {
    await api("POST", "models", { mode: b.dataset.mode });
    note(t("models_are", { mode: t(b.dataset.mode) }));
  });
}
for (const b of document.querySelectorAll("[data-action]")) {
  b.onclick = () => attempt(async () => {
    const r = await api("POST", "phone/scan", { code_url: chosen, action: b.dataset.action });
    note(t(r.state === "SUCCESS" ? "paid" : b.dataset.action === "pay_late" ? "will_pay" : "not_paid", { amount: money(r.total, r.currency) }), r.state === "SUCCESS" ? "good" : "");
  });
}

label();
$("language").onclick = () => { location.search = `?lang=${lang === "zh" ? "en" : "zh"}`; };
wire(attempt);
wireBank(attempt, note);

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
