// The customer's screen. It shows what lies on the counter: the sale that was begun
// last and waits for somebody, until its outcome was shown for a while, or a refund
// that the cashier has just asked for. What went on while the screen was away belongs
// to somebody who has left, and is not shown. Where the till is silent it covers
// itself: an old amount or code is worse than none.
import { Problem, follow, insist } from './net.js';
import { Sales, code, leavable, money, range, rate, rests, showCode, sign } from './states.js';
import { $ } from './elements.js';

const STAYS = { paid: 5000, rests: 10000, refunding: 15000, alone: 60000 }; // milliseconds from the change
const AWAY = 15000; // a break that is longer was a break in the conversation, too
const STEADY = 600; // a button that has just come under a finger is not pressed

const sales = new Sales();
let shop = '', shown = null, leaves = Infinity, seen = '';
let covered = true, lost = performance.now();
let busy = false, failed = false, steady = 0;

const both = (zh, en) => {
  const e = document.createElement('span');
  e.lang = 'en';
  e.textContent = en;
  return [`${zh} `, e];
};
const say = (id, text) => {
  if ($(id).textContent !== (text ? `${text.zh} ${text.en}` : '')) $(id).replaceChildren(...(text ? both(text.zh, text.en) : []));
};

function lasts(s) {
  if (s.state === 'refunding') return STAYS.refunding;
  if (leavable(s)) return STAYS.alone;
  if (!rests(s)) return Infinity;
  return s.says.code === 'paid' || s.says.code === 'refunded' ? STAYS.paid : STAYS.rests;
}

// turn shows a sale from now on, or what waits at the counter without one.
function turn(id) {
  const s = id ? sales.get(id) : sales.live();
  if (s?.id !== shown) [busy, failed] = [false, false];
  shown = s?.id ?? null;
  const now = s ? `${s.id} ${s.says.code}` : '';
  if (now === seen) return;
  [seen, failed, steady] = [now, false, performance.now() + STEADY];
  leaves = s ? performance.now() + lasts(s) : Infinity;
}

function heard({ kind, sale }) {
  sales.put(sale);
  if (covered) return; // what was missed comes before the beat that uncovers
  const s = sales.get(sale.id), at = sales.get(shown);
  const asked = kind === 'begun' || kind === 'refund_requested' && !s.history.refunds.at(-1)?.auto;
  if (asked || s.id === shown) turn(s.id);
  else if (!at || rests(at) || leavable(at)) turn(sales.live() ? null : shown);
  render();
}

function loaded(list) {
  for (const s of list.toReversed()) sales.put(s);
}

function reachable(is) {
  if (is === !covered) return;
  covered = !is;
  if (is) {
    const live = sales.live();
    const stays = performance.now() - lost < AWAY && sales.get(shown) && !(live && sales.later(live.id, shown));
    turn(stays ? shown : null);
  } else {
    lost = performance.now();
  }
  render();
}

// amount is what the screen is about: the money that goes back, where it does.
function amount(s) {
  const back = /refund|giving_back/.test(s.says.code) && s.history.refunds.at(-1);
  return back ? back.amount : s.amount;
}

function row(zh, en, value) {
  const dt = document.createElement('dt'), dd = document.createElement('dd');
  dt.append(...both(zh, en));
  dd.append(...[value].flat());
  return [dt, dd];
}

// price has the figures of the other currency while they can still change something.
function price(s) {
  const p = s.price;
  if (!p) return [];
  const rows = [...row('标价', 'Price', money(p.asked)), ...row('汇率', 'Rate', rate(p))];
  if (rests(s) || p.seconds_left === undefined) return rows;
  const age = p.age_s + sales.since(s.id);
  return [...rows, ...row('区间', 'Range', range(p)), ...row('汇率时长', 'Rate age', both(`${age} 秒`, `${age} s`)), ...row('有效至', 'Valid until', sales.until(s.id))];
}

function render() {
  const s = covered ? undefined : sales.get(shown);
  $('cover').hidden = !covered;
  $('idle').hidden = covered || Boolean(s);
  $('sale').hidden = !s;
  $('shop').textContent = shop;
  if (s) renderSale(s);
  else clear();
}

// clear leaves nothing behind that a screen which is covered could show again.
function clear() {
  showCode($('picture'), undefined);
  for (const id of ['total', 'headline', 'advice', 'price', 'count', 'failed']) $(id).replaceChildren();
  $('agree').hidden = true;
}

function renderSale(s) {
  const left = sales.left(s.id), over = left === 0;
  const picture = over ? undefined : code(s);
  const name = s.says.code === 'scan_wanted' ? 'code' : sign(s);
  $('sale').dataset.sign = sign(s);
  $('sale').toggleAttribute('data-qr', Boolean(picture));
  $('icon').toggleAttribute('hidden', Boolean(picture));
  $('sign').setAttribute('href', `#i-${name}`);
  showCode($('picture'), picture, `${s.says.payer.headline.zh} ${money(amount(s))}`);
  $('total').textContent = money(amount(s));
  const words = over && sign(s) === 'wait' ? { headline: { zh: '请稍候', en: 'One moment, please' } } : s.says.payer;
  say('headline', words.headline);
  say('advice', words.advice);
  say('failed', failed ? { zh: '没有收到答复，请再按一次，或咨询收银员。', en: 'No answer. Press again, or ask the cashier.' } : undefined);
  const figures = price(s);
  $('price').hidden = figures.length === 0;
  $('price').replaceChildren(...figures);
  $('agree').hidden = s.state !== 'awaiting_confirmation' || !s.can.consent || over;
  $('agree').disabled = busy || performance.now() < steady;
  $('count').replaceChildren(...(left > 0 && !s.offline ? [`${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')}`] : []));
}

// agree says nothing of who agrees: an operator's name is what makes a manager.
async function agree() {
  if (busy || covered || performance.now() < steady) return;
  const id = shown, { facts } = sales.get(id).history; // what the customer has before them
  [busy, failed] = [true, false];
  render();
  let answer;
  try {
    answer = await insist('POST', `/v1/sales/${id}/consent`, { facts });
  } catch (e) {
    failed = shown === id && !(e instanceof Problem && e.status < 500); // a refusal comes with a state of its own
  }
  if (shown === id) busy = false;
  if (answer) heard({ kind: '', sale: answer });
  render();
}

function tick() {
  if (performance.now() >= leaves) turn(null);
  render();
}

$('agree').addEventListener('click', agree);
setInterval(tick, 250);
render();
follow({ loaded, sale: heard, status: (s) => { shop = s.shop ?? ''; render(); }, reachable });
