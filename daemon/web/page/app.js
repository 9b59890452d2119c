import { lang, say, t } from './words.js';
import { Problem, call, follow, insist, newKey } from './net.js';
import { look as lookCases } from './cases.js';
import { beside, look as lookQueue, soon as lookQueueSoon } from './queue.js';
import * as offline from './offline.js';
import { listen } from './keys.js';
import { Sales, code, leavable, money, places, range, rate, rests, showCode, sign } from './states.js';
import { $, button, element } from './elements.js';

const look = () => { lookCases(); lookQueue(); };
const sales = new Sales();
let status = { currency: '', decimals: 2, notices: [], till: 'qrposd' };
let digits = ''; // typed, in minor units
let foreign = null; // whether the next customer pays in the other currency; null until it is chosen
let shown = new URLSearchParams(location.hash.slice(1)).get('sale'); // the address is all that a reload keeps
let reachable = true, busy = false, click = null, spoken = '';

// decimal writes the typed digits as the API reads them. No arithmetic: an
// amount is a string here from end to end.
function decimal(n = status.decimals) {
  const all = digits.padStart(n + 1, '0');
  return n ? `${all.slice(0, -n)}.${all.slice(-n)}` : all;
}

function show(id) {
  shown = id;
  history.replaceState(null, '', id ? `#sale=${id}` : location.pathname + location.search);
  if (id) [digits, foreign] = ['', null];
  tell('');
  render();
  $(id ? 'headline' : 'qr').focus({ preventScroll: true });
}

function tell(text) { $('told').textContent = text; }

// act does what a click asks for, once. A click that was not answered keeps its
// key: pressed again, it asks for the same thing and not for another.
async function act(what, ask, unsure = 'unsure') {
  if (busy) return;
  busy = true;
  const at = shown;
  const arrive = (sale) => {
    sales.put(sale);
    if (shown === at) show(sale.id); // unless the cashier has gone on meanwhile
  };
  if (click?.what !== what) click = { what, key: newKey() };
  tell('');
  render();
  try {
    const s = await ask(click.key);
    click = null;
    arrive(s);
  } catch (e) {
    if (e instanceof Problem) {
      click = null;
      if (e.instance) await call('GET', e.instance).then(arrive, () => {}); // it comes as an event, too
      tell(e.text ? say(e.text) : e.detail);
    } else {
      tell(t(unsure));
    }
  } finally {
    busy = false;
    render();
  }
}

function open(flow, code) {
  const body = { flow, amount: decimal(), currency: status.currency };
  if (status.pay_in) body.pay_in = paysAbroad() ? status.pay_in.currency : status.currency;
  if (code) body.code = code;
  act(`open ${JSON.stringify(body)}`, (key) => insist('POST', '/v1/sales', body, key));
}

// ownCode begins a sale without the provider, in the currency of the scheme's account.
function ownCode(scheme) {
  const body = { flow: 'offline', scheme: scheme.scheme, amount: decimal(places(scheme.currency)), currency: scheme.currency };
  act(`open ${JSON.stringify(body)}`, (key) => insist('POST', '/v1/sales', body, key));
}

const paysAbroad = () => foreign ?? Boolean(status.pay_in?.default || status.pay_in?.only);

const of = (what) => `/v1/sales/${shown}/${what}`;
const cancel = () => act(`cancel ${shown}`, () => insist('POST', of('cancel'), {}));
const agree = () => act(`agree ${shown}`, () => insist('POST', of('consent'), { operator: $('agree-who').value.trim(), facts: sales.get(shown).history.facts }));
const attest = (shows) => act(`attest ${shown} ${shows}`, () => insist('POST', of('attest'), { operator: $('attest-who').value.trim(), shown: shows }));
const scan = (code) => act(`scan ${shown} ${code}`, () => call('POST', of('scan'), { code }), 'look'); // a code is spent by one try

function scanned(code) {
  const s = sales.get(shown);
  if (s?.can.scan || s?.can.retry) scan(code);
  else if (!shown && digits) open('payer', code);
  else tell(t('scanned'));
}

function type(key) {
  if (shown || busy) return;
  if (key === 'Backspace') digits = digits.slice(0, -1);
  else if (key === 'Escape') digits = '';
  else if (key === 'Enter') { if (digits) open('merchant'); }
  else if (digits.length + key.length <= 12) digits = (digits + key).replace(/^0+/, '');
  tell('');
  render();
}

function banner(code, text) {
  const p = element('p', text);
  p.dataset.code = code;
  return p;
}

function render() {
  const s = sales.get(shown);
  $('entry').hidden = Boolean(shown);
  $('sale').hidden = !s;
  $('exposure').toggleAttribute('data-beside', Boolean(s));
  $('till').textContent = status.till;
  $('currency').textContent = status.currency;
  $('typed').textContent = decimal();
  $('qr').disabled = $('scan').disabled = busy || !reachable || !digits || !status.currency;
  offline.choices((scheme) => decimal(places(scheme.currency)), busy || !reachable || !digits, ownCode);
  // Which kind of offline it is says more than that calls fail, and a low screen has no room for both.
  const told = status.notices.some((n) => n.code.startsWith('link_')) ? status.notices.filter((n) => !/^(network|gateway)_/.test(n.code)) : status.notices;
  const banners = told.map((n) => banner(n.code, say(n.text)));
  if (!reachable) banners.unshift(banner('unreachable', t('unreachable')));
  $('banners').replaceChildren(...banners);
  $('pay-in').hidden = !status.pay_in;
  if (status.pay_in) {
    $('pay-here').hidden = Boolean(status.pay_in.only);
    $('pay-here').textContent = status.currency;
    $('pay-there').textContent = status.pay_in.currency;
    $('pay-here').setAttribute('aria-pressed', !paysAbroad());
    $('pay-there').setAttribute('aria-pressed', paysAbroad());
  }
  const open = [...sales.all.values()].filter((o) => !rests(o) && o.id !== shown);
  $('open').replaceChildren(...open.map((o) => button(`${money(o.amount)} · ${say(o.says.headline)}`, () => show(o.id))));
  $('list').textContent = open.length ? `${t('sales')} (${open.length})` : t('sales');
  beside(s && code(s) ? s.id : null);
  if (s) renderSale(s);
  if ($('sales').open) renderRows();
}

function renderSale(s) {
  const name = sign(s);
  $('sale').dataset.sign = name;
  $('sale').toggleAttribute('data-price', Boolean(s.price));
  $('sale').toggleAttribute('data-own', Boolean(s.offline));
  const picture = reachable ? code(s) : undefined; // an old code could be paid
  $('sale').toggleAttribute('data-qr', Boolean(picture));
  $('sign').setAttribute('href', `#i-${name}`);
  $('icon').toggleAttribute('hidden', Boolean(picture));
  showCode($('picture'), picture, t(s.qr ? 'picture' : 'check', { amount: money(s.amount) }));
  $('total').textContent = s.price ? `${money(s.price.asked)} → ${money(s.amount)}` : money(s.amount);
  $('headline').textContent = say(s.says.headline);
  $('advice').textContent = reachable ? say(s.says.advice) : t('stale');
  $('why').textContent = s.reason && s.state !== 'paid' ? say(s.reason.text) : '';
  $('refunds').replaceChildren(...s.history.refunds.map((r) =>
    element('li', `${t('refund')} ${money(r.amount)} · ${r.auto ? `${t('auto')} · ` : ''}${t(r.state)}`)));
  $('typing').hidden = !(s.can.scan || s.can.retry);
  const tries = s.liveness?.tries_left;
  $('tries').textContent = s.state === 'awaiting_liveness' && tries !== undefined ? t(tries > 1 ? 'tries' : 'lasttry', { n: tries }) : '';
  const manager = s.state === 'awaiting_approval';
  $('agreeing').hidden = !s.can.consent;
  $('agree-who').hidden = $('agree-label').hidden = !manager;
  $('agree').textContent = manager ? t('approve') : s.price ? t('agreesto', { amount: money(s.amount) }) : t('agrees');
  $('own-facts').textContent = offline.facts(s.offline);
  $('attesting').hidden = !s.can.attest;
  $('settle').hidden = s.can.attest || !(s.can.reconcile || s.can.dispute);
  const over = rests(s);
  $('new').hidden = !(over || leavable(s));
  $('new').textContent = t(over ? 'next' : 'leave');
  $('again').hidden = !(over && s.flow === 'merchant' && name === 'bad');
  $('refund').hidden = !s.can.refund;
  $('cancel').hidden = !s.can.cancel || over;
  $('take').hidden = !s.can.take_over;
  for (const id of ['again', 'refund', 'cancel', 'send', 'agree', 'attest-yes', 'attest-no', 'take']) $(id).disabled = busy || !reachable;
  speak(s);
  tick();
}

// speak tells a screen reader when something has changed, and only then.
function speak(s) {
  const now = `${s.id} ${s.says.code}`;
  if (now === spoken) return;
  spoken = now;
  $('status').textContent = [money(s.amount), say(s.says.headline), say(s.says.advice), $('why').textContent].join(' ');
}

function tick() {
  const left = sales.left(shown), s = sales.get(shown);
  $('count').textContent = left > 0 && reachable && !s?.offline ? t('seconds', { n: left }) : '';
  $('price').textContent = s?.price && reachable ? priced(s) : '';
  offline.tick();
}

// priced is what the cashier can read out: the rate, and while it can still change
// something its range, how old it is and how long it holds.
function priced(s) {
  const p = s.price, since = sales.since(s.id);
  if (rests(s) || p.seconds_left === undefined) return rate(p);
  const left = Math.max(0, p.seconds_left - since);
  return t('rate', { rate: rate(p), range: range(p), age: p.age_s + since, left, until: sales.until(s.id) });
}

function renderRows() {
  const rows = [...sales.all.values()].reverse().slice(0, 10).map((s) => {
    const time = new Date(s.begun).toLocaleTimeString(document.documentElement.lang, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
    const row = element('li', '', button(`${time} · ${money(s.amount)} · ${say(s.says.headline)}`, () => { $('sales').close(); show(s.id); }));
    row.dataset.sign = sign(s);
    if (s.can.refund) row.append(button(t('refund'), () => { $('sales').close(); give(s.id); }));
    return row;
  });
  $('rows').replaceChildren(...(rows.length ? rows : [element('li', t('nosales'))]));
}

function give(id) {
  const s = sales.get(id);
  show(id);
  $('giving').dataset.id = id;
  $('giving-of').textContent = t('left', { amount: money(s.refundable) });
  $('giving-amount').value = s.refundable.decimal;
  $('giving-why').value = '';
  $('giving-told').textContent = '';
  $('giving').showModal();
  $('giving-amount').select();
}

async function giveBack() {
  const body = { amount: $('giving-amount').value.trim() };
  const why = $('giving-why').value.trim();
  if (why) body.reason = why;
  $('giving-go').disabled = true;
  await act(`refund ${shown} ${JSON.stringify(body)}`, (key) => insist('POST', of('refunds'), body, key));
  $('giving-go').disabled = false;
  $('giving-told').textContent = $('told').textContent;
  if (!$('told').textContent) $('giving').close();
  tell(''); // it is said in the dialog
}

function take() {
  $('taking').dataset.id = shown;
  $('taking-who').value = $('taking-why').value = $('taking-told').textContent = '';
  $('taking').showModal();
}

// taken says what somebody has seen. It settles nothing: the next customer can be
// served, and the till goes on asking.
async function taken(saw) {
  const id = $('taking').dataset.id, body = { saw, operator: $('taking-who').value.trim(), reason: $('taking-why').value.trim() };
  if (!body.operator || !body.reason) {
    $('taking-told').textContent = t('bothwanted');
    return;
  }
  await act(`take ${id} ${JSON.stringify(body)}`, () => insist('POST', `/v1/sales/${id}/take-over`, body));
  $('taking-told').textContent = $('told').textContent;
  if (!$('told').textContent) $('taking').close();
  tell(''); // it is said in the dialog
}

function sendTyped() {
  const code = $('digits').value.replace(/\s/g, '');
  $('digits').value = '';
  if (code) scan(code);
}

function start() {
  for (const e of document.querySelectorAll('[data-t]')) e.textContent = t(e.dataset.t);
  for (const e of document.querySelectorAll('[data-label]')) e.setAttribute('aria-label', t(e.dataset.label));
  const press = (id, f) => $(id).addEventListener('click', f);
  const enter = (id, f) => $(id).addEventListener('keydown', (e) => { if (e.key === 'Enter') f(); });
  $('language').textContent = t('other');
  $('language').lang = lang === 'zh' ? 'en' : 'zh-CN';
  press('language', () => { location.search = `?lang=${lang === 'zh' ? 'en' : 'zh'}`; });
  press('list', () => { renderRows(); $('sales').showModal(); });
  press('sales-close', () => $('sales').close());
  press('qr', () => open('merchant'));
  press('scan', () => open('payer'));
  press('new', () => show(null));
  press('again', () => { const s = sales.get(shown); show(null); digits = (s.price?.asked ?? s.amount).decimal.replace('.', '').replace(/^0+/, ''); render(); });
  press('refund', () => give(shown));
  press('cancel', cancel);
  press('take', take);
  press('taking-paid', () => taken('paid'));
  press('taking-unpaid', () => taken('not_paid'));
  press('taking-close', () => $('taking').close());
  press('agree', agree);
  press('pay-here', () => { foreign = false; render(); });
  press('pay-there', () => { foreign = true; render(); });
  enter('agree-who', agree);
  press('attest-yes', () => attest(true));
  press('attest-no', () => attest(false));
  press('settle', () => offline.open(shown));
  press('send', sendTyped);
  enter('digits', sendTyped);
  press('giving-go', giveBack);
  enter('giving-amount', giveBack);
  press('giving-close', () => $('giving').close());
  $('keys').addEventListener('click', (e) => {
    const key = e.target.closest('[data-key]');
    if (key) type(key.dataset.key);
  });
  listen({ type, scanned });
  setInterval(tick, 250);
  $('attest-who').placeholder = t('who');
  $('attest-who').ariaLabel = t('looked');
  offline.begin({ heard: (s) => { sales.put(s); render(); }, show, changed: render });
  render();
  follow({ loaded, sale: heard, status: (s) => { status = s; render(); look(); offline.refresh(); }, notice: (n) => { tell(say(n.text)); look(); }, reachable: (is) => { if (is !== reachable) { reachable = is; render(); } } });
}

async function loaded(list) {
  for (const s of list.reverse()) { sales.all.delete(s.id); sales.put(s); }
  if (shown && !sales.get(shown)) {
    try { sales.put(await call('GET', `/v1/sales/${shown}`)); } catch { shown = null; }
  }
  const going = sales.live();
  if (!shown && !digits && going) show(going.id);
  else render();
}

function heard({ kind, sale }) {
  sales.put(sale);
  if (sale.flow === 'offline') offline.refresh();
  lookQueueSoon();
  if (kind === 'begun' && !shown && !digits && !busy) show(sale.id); // a POS has opened it
  else render();
}

start();
