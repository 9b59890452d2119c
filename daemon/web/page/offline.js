import { lang, say } from './words.js';
import { Problem, call, insist } from './net.js';
import { money } from './states.js';
import { $, button, element, input } from './elements.js';

// Sales without the provider: what the shop may lose by them, how one is begun, and the
// list of those that no receipt was found for. Nothing here is ever green: what a
// customer's telephone showed is not money.
const labels = {
  en: {
    card: 'Not confirmed by the network', count: '{n} not confirmed', oldest: 'oldest {age}', left: 'next window ends in {left}', over: 'a window has just ended',
    disputed: '{n} without a receipt', worst: 'worst loss {sums}', open: 'List ({n})', may: 'Codes of the shop’s own accounts can be shown. The till cannot see their payments.',
    begin: 'Own code, not confirmed', close: 'Back', who: 'Your name', receipt: 'Number of the receipt, if there is one', note: 'What it rests on', came: 'The money came', lost: 'It did not come', show: 'Show',
    none: 'Nothing is unconfirmed.', age: '{age} ago', saw: '{who} saw a payment on the telephone', sawnone: '{who} saw none', reference: 'reference {no}', asked: 'asked in place of {price}', more: 'newer ones follow when these are settled',
    unsure: 'No answer yet. Press the same button again: nothing is booked twice.',
  },
  zh: {
    card: '未经网络确认', count: '{n} 笔未确认', oldest: '最早一笔 {age}', left: '最近期限剩余 {left}', over: '有一笔刚到期限',
    disputed: '{n} 笔未查到到账', worst: '最大损失 {sums}', open: '列表 ({n})', may: '可出示商家自有账户的收款码，本机无法看到其付款结果。',
    begin: '自有收款码（不确认）', close: '返回', who: '您的姓名', receipt: '到账记录编号（如有）', note: '依据', came: '款项已到账', lost: '款项未到账', show: '查看',
    none: '没有未确认的交易。', age: '{age} 前', saw: '{who} 看到手机显示已付款', sawnone: '{who} 未看到付款', reference: '参考号 {no}', asked: '代替 {price}', more: '处理以上交易后，将显示较新的交易',
    unsure: '尚未收到答复。请再按同一按钮，不会重复入账。',
  },
}[lang];
const t = (name, values = {}) => labels[name].replace(/\{(\w+)\}/g, (_, key) => values[key]);

let known = null, heard = 0, list = { sales: [] }, page = {};

const sums = (all) => all.map(money).join(' + ');
const since = () => Math.floor((performance.now() - heard) / 1000);

// span is a time as a clock shows it: the whole of it matters, to the second.
function span(seconds) {
  const two = (n) => String(n).padStart(2, '0');
  const h = Math.floor(seconds / 3600), m = Math.floor(seconds / 60) % 60, s = seconds % 60;
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

// refresh asks what is exposed. A till that does not answer keeps what was heard on the
// screen, where it grows older by the second, as the money does.
export async function refresh() {
  try {
    known = await call('GET', '/v1/exposure');
  } catch {
    return;
  }
  heard = performance.now();
  render();
  if ($('offline').open) await relist();
}

// schemes are what a sale can be begun for now, without the provider.
export const schemes = () => (known?.offered ? known.schemes : []);

function render() {
  const { count = 0, disputed = 0 } = known ?? {};
  const may = schemes().length > 0; // which kind of offline it is says a banner
  $('exposure').hidden = !(may || count || disputed);
  $('exposure').dataset.link = known?.link.state ?? '';
  $('offline-link').textContent = may ? t('may') : '';
  $('offline-open').hidden = !(count || disputed);
  $('offline-open').textContent = t('open', { n: count + disputed });
  tick();
  page.changed?.();
}

// tick lets what was heard grow older. No arithmetic with money: sums are the till's.
export function tick() {
  if (!known || $('exposure').hidden) return;
  const { count, disputed, oldest_s: oldest, seconds_left: left } = known;
  const parts = [];
  if (count) parts.push(`${t('count', { n: count })}: ${sums(known.sums)}`, t('oldest', { age: span(oldest + since()) }));
  if (count && left !== undefined) parts.push(left > since() ? t('left', { left: span(left - since()) }) : t('over'));
  if (disputed) parts.push(t('disputed', { n: disputed }));
  if (count || disputed) parts.push(t('worst', { sums: sums(known.worst) }));
  const text = parts.join(' · ');
  if ($('exposure-sums').textContent !== text) $('exposure-sums').textContent = text;
}

// choices are the buttons that begin a sale without the provider, each with the very
// amount that the customer will be asked for.
export function choices(typed, dead, open) {
  const offered = schemes();
  $('own').hidden = !offered.length;
  const key = JSON.stringify([offered, offered.map(typed), dead]);
  if ($('own-schemes').dataset.key === key) return;
  const at = [...$('own-schemes').children].indexOf(document.activeElement);
  $('own-schemes').dataset.key = key;
  $('own-schemes').replaceChildren(...offered.map((s) => {
    const b = button('', () => open(s));
    b.append(element('span', s.label), element('b', `${s.currency} ${typed(s)}`));
    b.dataset.scheme = s.scheme;
    b.disabled = dead;
    return b;
  }));
  $('own-schemes').children[at]?.focus();
}

// facts are what is known of the till's own code, for whoever stands at the counter.
export function facts(o) {
  if (!o) return '';
  const saw = o.attested && t(o.attested.shown ? 'saw' : 'sawnone', { who: o.attested.operator });
  return [o.label, o.price && t('asked', { price: money(o.price) }), o.reference && t('reference', { no: o.reference }), saw].filter(Boolean).join(' · ');
}

async function relist() {
  try {
    list = await call('GET', '/v1/offline');
  } catch {
    return;
  }
  renderList();
}

// renderList leaves the cards that are there: somebody may be typing in one.
function renderList() {
  const there = new Map([...$('offline-rows').children].map((li) => [`${li.dataset.id} ${li.dataset.facts}`, li]));
  const rows = list.sales.map((s) => there.get(`${s.id} ${s.history.facts}`) ?? card(s));
  if (list.more) rows.push(element('li', t('more')));
  if (!rows.length) rows.push(element('li', t('none')));
  const now = [...$('offline-rows').children];
  if (now.length !== rows.length || rows.some((li, i) => li !== now[i])) $('offline-rows').replaceChildren(...rows);
}

function card(s) {
  const who = input(t('who'), 64), receipt = input(t('receipt'), 64), note = input(t('note'), 200);
  const values = () => [who, receipt, note].map((i) => i.value.trim());
  const came = button(t('came'), () => {
    const [operator, id, why] = values();
    settle(s.id, 'reconcile', { operator, ...(id && { receipt: id }), ...(why && { note: why }) }, came);
  });
  const lost = button(t('lost'), () => {
    const [operator, , why] = values();
    settle(s.id, 'dispute', { operator, note: why }, lost);
  });
  const ready = () => {
    const [operator, id, why] = values();
    came.disabled = !operator || !(id || why);
    lost.disabled = !operator || !why;
  };
  for (const i of [who, receipt, note]) i.addEventListener('input', ready);
  ready();
  came.hidden = !s.can.reconcile;
  lost.hidden = !s.can.dispute;
  const head = [money(s.amount), say(s.says.headline), s.offline?.shown && t('age', { age: span(s.offline.age_s) })].filter(Boolean).join(' · ');
  const li = element('li', '', element('p', head), element('p', facts(s.offline)), element('div', '', who, receipt, note),
    element('div', '', came, lost, button(t('show'), () => { $('offline').close(); page.show(s.id); })));
  li.dataset.id = s.id;
  li.dataset.facts = s.history.facts;
  return li;
}

// settle books what a person says. Twice the same is once: a sale has one receipt.
async function settle(id, what, body, pressed) {
  pressed.disabled = true;
  $('offline-told').textContent = '';
  try {
    page.heard(await insist('POST', `/v1/sales/${id}/${what}`, body));
  } catch (e) {
    $('offline-told').textContent = e instanceof Problem ? (e.text ? say(e.text) : e.detail) : t('unsure');
    pressed.disabled = false;
  }
  await refresh();
}

// open shows the list, with the card of one sale in sight.
export async function open(id) {
  $('offline-told').textContent = '';
  renderList();
  $('offline').showModal();
  await relist();
  const li = [...$('offline-rows').children].find((e) => e.dataset.id === id);
  li?.scrollIntoView({ block: 'nearest' });
  li?.querySelector('input').focus();
}

// begin gives the list its page: heard takes a sale, show opens one, changed draws anew.
export function begin(its) {
  page = its;
  $('exposure').setAttribute('aria-label', t('card'));
  $('own-title').textContent = t('begin');
  $('offline-title').textContent = t('card');
  $('offline-close').textContent = t('close');
  $('offline-close').addEventListener('click', () => $('offline').close());
  $('offline-open').addEventListener('click', () => open());
  setInterval(refresh, 15000); // a window that ends tells nobody by itself
}
