import { $, api, draw, el } from "./kit.js";
import { t } from "./words.js";

// The telephone's other app: it pays codes that the till made by itself, over a network
// of its own, and may show a receipt of a payment that was never made.
let chosen = null; // text of the code on the telephone

export async function drawBank(attempt, note) {
  const [shown, book] = await Promise.all([api("GET", "bank/counter"), api("GET", "bank")]);
  if (!shown.some((s) => s.text === chosen)) chosen = null;
  draw($("bank-screen"), { shown, chosen }, () => shown.length ? shown.map((s) => {
    const b = el("button", "", { type: "button", "aria-pressed": s.text === chosen, "data-key": s.text });
    const left = el("span", s.code.name || s.code.account);
    left.append(el("small", [s.code.scheme, s.code.reference].filter(Boolean).join(" · ")));
    b.append(left, el("b", `${s.code.currency} ${s.code.amount ?? ""}`));
    b.onclick = () => attempt(async () => { chosen = s.text; note(t("scanned")); });
    const li = el("li");
    li.append(b);
    return li;
  }) : [el("li", t("nothing"), { class: "hint" })]);
  const code = shown.find((s) => s.text === chosen)?.code;
  $("bank-sheet").hidden = !code;
  if (code) {
    $("bank-amount").textContent = `${code.currency} ${code.amount ?? ""}`;
    $("bank-what").textContent = code.name || code.account;
  }
  $("bank-accounts").hidden = book.accounts.length === 0;
  draw($("bank-accounts").tBodies[0], book.accounts, (list) => list.map((a) => {
    const tr = el("tr"), who = el("td");
    who.append(el("code", a.account));
    tr.append(who, el("td", a.payments, { class: "n" }), el("td", `${a.currency} ${a.sum}`, { class: "n" }));
    return tr;
  }));
  $("bank-forged").textContent = book.forged.length || book.coming ? t("forged", { n: book.forged.length, coming: book.coming }) : "";
}

// less is a slip of the finger: the last digit is another one.
const less = (amount) => amount.slice(0, -1) + (amount.endsWith("0") ? "1" : "0");

export function wireBank(attempt, note) {
  for (const b of document.querySelectorAll("[data-bank]")) {
    b.onclick = () => attempt(async () => {
      const code = await api("POST", "bank/read", { text: chosen });
      const order = { pay: {}, forge: { forge: true }, less: { amount: less(code.amount) }, twice: { times: 2 }, late: { late_ms: 60000 }, drop: { drop_reference: true } }[b.dataset.bank];
      const p = await api("POST", "bank/pay", { text: chosen, ...order });
      note(t("bank_paid", { amount: `${p.currency} ${p.amount}`, to: p.to || p.account }), "good");
    });
  }
}
