import { $, api, draw, el, money } from "./kit.js";
import { say, t } from "./words.js";

const groups = ["context", "currency", "key", "liveness", "errors", "answers", "chain", "silent", "network", "notices"];

export function drawScenarios(list, attempt) {
  const on = list.filter((s) => s.on);
  $("scenarios-on").textContent = on.length ? t("on", { list: on.map((s) => say(s.title)).join(", ") }) : t("none_on");
  $("scenarios-on").className = on.length ? "some" : "";
  $("all-off").disabled = on.length === 0;
  draw($("scenarios"), list, () => groups.map((group) => {
    const f = el("fieldset");
    f.append(el("legend", t("group_" + group)), ...list.filter((s) => s.group === group).map((s) => {
      const b = el("button", "", { type: "button", "aria-pressed": s.on, "data-scenario": s.name, "data-key": s.name });
      const sees = el("small", "", { class: "sees" });
      sees.append(el("i", t("sees")), " " + say(s.sees));
      b.append(el("b", say(s.title)), el("small", say(s.what)), sees);
      b.onclick = () => attempt(() => api("POST", "scenarios", { name: s.name, on: !s.on }));
      return b;
    }));
    return f;
  }));
}

export function drawAI(c, n) {
  const d = c.disputes;
  draw($("ai-totals"), { c, n }, () => [
    ["contexts", `${c.contexts_complete} / ${c.contexts_incomplete}`], ["keys", `${c.keys_verified} / ${c.keys_opaque}`, c.keys_opaque], ["replays", c.replays],
    ["shadows", c.shadow_charges, c.shadow_charges], ["nested", c.nested_errors], ["challenges", c.challenges], ["disputes", `${d.disputed} / ${d.settled}`, d.disputed],
    ["notices", `${n.sent} / ${n.acknowledged}`],
  ].map(([k, v, bad]) => {
    const div = el("div");
    div.append(el("dt", t(k)), el("dd", v, bad ? { class: "bad" } : {}));
    return div;
  }));
}

// The fields follow the settings unless a person is just at them.
export function drawRates(ai, notices) {
  const pairs = Object.keys(ai.fx.mids).sort();
  draw($("pair"), pairs, () => pairs.map((p) => el("option", p, { value: p })));
  const put = (id, v) => { if (document.activeElement !== $(id)) $(id).value = v; };
  put("rate", ai.fx.mids[$("pair").value] ?? "");
  put("notify", notices.url);
  for (const k of ["width", "volatility", "confidence"]) {
    put(k, ai.fx[k]);
    $(k + "-is").textContent = `${(100 * ai.fx[k]).toFixed(k === "confidence" ? 0 : 1)} %`;
  }
  put("valid", ai.fx.valid_for_s);
}

export function drawWallet(w, selfies) {
  draw($("balances"), w.balances, () => Object.entries(w.balances).map(([c, n]) => el("b", money(n, c))));
  if (document.activeElement !== $("currency")) $("currency").value = w.currency;
  const open = selfies.filter((s) => s.state === "PENDING");
  draw($("selfies"), open, () => open.map((s) => {
    const a = el("a", t("selfie"), { href: `liveness.html?s=${s.session_id}${location.search.replace("?", "&")}`, target: "_blank", rel: "noopener" });
    a.append(el("b", s.total ? money(s.total, s.currency) : s.out_trade_no));
    const li = el("li");
    li.append(a);
    return li;
  }));
}

export function wire(attempt) {
  $("all-off").onclick = () => attempt(async () => {
    await api("DELETE", "scenarios");
    await api("POST", "models", { mode: "quick" });
  });
  const fx = (change) => attempt(() => api("POST", "ai", { fx: change }));
  $("rate").onchange = () => fx({ mids: { [$("pair").value]: $("rate").value } });
  $("pair").onchange = () => attempt(async () => {});
  $("valid").onchange = () => fx({ valid_for_s: Number($("valid").value) });
  for (const k of ["width", "volatility", "confidence"]) $(k).oninput = () => fx({ [k]: Number($(k).value) });
  $("notify").onchange = () => attempt(() => api("POST", "notices", { url: $("notify").value }));
  $("currency").onchange = () => attempt(() => api("POST", "phone/account", { currency: $("currency").value, opening: 500000 }));
}
