import { $, api, money } from "./kit.js";
import { label, lang, t } from "./words.js";

const query = new URLSearchParams(location.search);
const id = query.get("s") ?? "";
let late = false;

label();
$("language").onclick = () => {
  query.set("lang", lang === "zh" ? "en" : "zh");
  location.search = query;
};

function show(s) {
  const text = !s ? t("live_unknown") : late && s.state === "PENDING" ? t("live_sent") : s.state === "PENDING" && !s.opened ? t("live_wait") : t("live_" + s.state);
  $("amount").textContent = s?.total ? money(s.total, s.currency) : "";
  $("order").textContent = s?.out_trade_no ?? "";
  if ($("note").textContent !== text) $("note").textContent = text;
  $("note").className = s?.state === "DONE" ? "good" : s?.state === "PENDING" ? "" : "bad";
  for (const b of document.querySelectorAll("[data-shot]")) b.disabled = late || !s?.opened || s.state !== "PENDING";
}

for (const b of document.querySelectorAll("[data-shot]")) {
  b.onclick = async () => {
    try {
      const s = await api("POST", "phone/liveness", { session_id: id, outcome: b.dataset.shot });
      late = b.dataset.shot === "late";
      show(s);
    } catch (e) {
      $("note").textContent = e.message;
      $("note").className = "bad";
    }
  };
}

// One question after the other: a slow answer must not pile up more.
for (;;) {
  try {
    show((await api("GET", "phone/liveness")).find((s) => s.session_id === id));
  } catch (e) {
    $("note").textContent = t("gone", { why: e.message });
    $("note").className = "bad";
  }
  await new Promise((r) => setTimeout(r, 700));
}
