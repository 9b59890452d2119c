import { lang, say } from './words.js';
import { LONG, Problem, call, insist, newKey } from './net.js';
import { $, element } from './elements.js';

// The day: what was taken so far, what is in the drawers, what keeps it open. What is
// missing comes in words from the API; these are the labels around it.
const labels = {
  en: {
    title: 'Day', so: 'The day so far, number {n}', close: 'Back', who: 'Your name', paid: 'Paid', refunded: 'Refunded', closing: 'With the provider', owed: 'Owed to payers', banked: 'Own account',
    exposed: 'Not money of the day', missing: 'Keeps the day open', todo: 'To do: ', none: 'Nothing keeps the day open.', drawer: 'Drawer', expected: 'should hold', counted: 'counted', over: 'over or short',
    float: 'Float at the beginning', paid_in: 'Put in', paid_out: 'Taken out', count: 'Counted', amount: 'Amount', enter: 'Enter', z: 'Close the day', closed: 'Day {n} is closed.', print: 'Print', before: 'Closed days',
    unsure: 'No answer yet. Press the same button again: it is done once.', sales: 'sales', adding: 'Adding up. After months this takes minutes.',
  },
  zh: {
    title: '日结', so: '当前汇总，编号 {n}', close: '返回', who: '您的姓名', paid: '收款', refunded: '退款', closing: '支付平台余额', owed: '待退款', banked: '自有账户',
    exposed: '未计入当日款项', missing: '未能日结的原因', todo: '待办：', none: '没有妨碍日结的事项。', drawer: '钱箱', expected: '应有', counted: '实点', over: '长短款',
    float: '期初备用金', paid_in: '存入', paid_out: '取出', count: '清点', amount: '金额', enter: '录入', z: '日结', closed: '第 {n} 号日结已完成。', print: '打印', before: '历次日结',
    unsure: '尚未收到答复。请再按同一按钮，不会重复处理。', sales: '笔', adding: '正在汇总。若数月未日结，需要几分钟。',
  },
}[lang];

const clicks = new Map(); // what was asked for and not answered, with its key
const word = (name, n) => labels[name].replace('{n}', n);
const decimals = new Map(); // by currency, as the API writes them

// money writes minor units with the decimals of their currency. The browser knows them.
function money(minor, currency) {
  if (!decimals.has(currency)) decimals.set(currency, new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits);
  const n = decimals.get(currency), sign = minor < 0 ? '-' : '', digits = String(Math.abs(minor)).padStart(n + 1, '0');
  return `${currency} ${sign}${n ? `${digits.slice(0, -n)}.${digits.slice(-n)}` : digits}`;
}

function row(label, value) { return element('li', '', element('span', label), element('b', value)); }

function render(x) {
  $('day-title').textContent = word('so', x.number);
  $('day-sums').replaceChildren(...x.totals.flatMap((t) => [
    row(labels.paid, money(t.paid, t.currency)), row(labels.refunded, money(t.refunded, t.currency)), row(labels.closing, money(t.closing, t.currency)),
    ...(t.owed ? [row(labels.owed, money(t.owed, t.currency))] : []), ...(t.banked ? [row(labels.banked, money(t.banked, t.currency))] : []),
  ]), ...x.exposed.map((e) => row(`${labels.exposed} (${e.state}, ${e.sales} ${labels.sales})`, money(e.sum, e.currency))), ...x.drawers.map((d) => row(
    `${labels.drawer} ${d.operator}`,
    `${labels.expected} ${money(d.expected, d.currency)}${d.counted === null ? '' : `, ${labels.counted} ${money(d.counted, d.currency)}, ${labels.over} ${money(d.over, d.currency)}`}`,
  )));
  $('day-missing').replaceChildren(...x.missing.map((m) => {
    const about = [m.order_no, m.operator, m.amount.currency && money(m.amount.minor, m.amount.currency)].filter(Boolean).join(' · ');
    return element('li', '', element('p', about), element('p', lang === 'zh' ? m.zh : m.message), element('p', labels.todo + (lang === 'zh' ? m.zh_hint : m.hint)));
  }));
  $('day-open-why').textContent = x.balanced ? labels.none : labels.missing;
  ready(x.balanced);
}

let balanced = false;
function ready(now = balanced) {
  balanced = now;
  const named = $('day-who').value.trim();
  $('day-enter').disabled = !named || !$('day-amount').value.trim();
  $('day-z').disabled = !named || !balanced;
}

function link(d) {
  const a = element('a', labels.print);
  a.href = `/v1/days/${d.number}.txt?lang=${lang}`;
  a.target = '_blank';
  return element('li', `${d.number} · ${new Date(d.closed).toLocaleString(document.documentElement.lang, { dateStyle: 'short', timeStyle: 'short', hourCycle: 'h23' })} · ${d.by} `, a);
}

// slowly says that it takes long, when it does.
async function slowly(answer) {
  const told = $('day-told').textContent;
  const slow = setTimeout(() => { $('day-told').textContent = labels.adding; }, 1000);
  try {
    return await answer;
  } finally {
    clearTimeout(slow);
    $('day-told').textContent = told;
  }
}

// look asks for the day, once at a time: it can be a long one.
let looks = null, again = false;
function look() {
  again = true;
  looks ||= (async () => {
    while (again) {
      again = false;
      try {
        render(await slowly(call('GET', '/v1/day/x', undefined, undefined, LONG)));
        $('day-before').replaceChildren(...(await call('GET', '/v1/days?limit=5')).days.map(link));
      } catch (e) {
        refuse(e);
      }
    }
    looks = null;
  })();
  return looks;
}

function refuse(e) {
  $('day-told').textContent = e instanceof Problem ? (e.text ? say(e.text) : e.detail) : labels.unsure;
}

// ask sends a request once, however often the button is pressed until it is answered.
async function ask(button, path, body, done, wait) {
  const what = `${path} ${JSON.stringify(body)}`;
  if (!clicks.has(what)) clicks.set(what, newKey());
  button.disabled = true;
  $('day-told').textContent = '';
  try {
    const answer = insist('POST', path, body, clicks.get(what), wait);
    done(await (wait ? slowly(answer) : answer));
    clicks.delete(what);
  } catch (e) {
    if (e instanceof Problem) clicks.delete(what);
    refuse(e);
  }
  await look();
}

for (const [id, name] of [['day-open', 'title'], ['day-close', 'close'], ['day-enter', 'enter'], ['day-z', 'z'], ['day-old', 'before']]) $(id).textContent = labels[name];
for (const [id, name] of [['day-who', 'who'], ['day-amount', 'amount'], ['day-kind', 'drawer']]) $(id).setAttribute('aria-label', labels[name]);
for (const id of ['day-who', 'day-amount']) {
  $(id).placeholder = $(id).getAttribute('aria-label');
  $(id).addEventListener('input', () => ready());
}
$('day-kind').replaceChildren(...[['float', 'float'], ['paid_in', 'paid_in'], ['paid_out', 'paid_out'], ['counted', 'count']].map(([value, name]) => {
  const o = element('option', labels[name]);
  o.value = value;
  return o;
}));
$('day-open').addEventListener('click', () => {
  $('day-told').textContent = '';
  $('day').showModal();
  look();
});
$('day-close').addEventListener('click', () => $('day').close());
$('day-enter').addEventListener('click', () => ask($('day-enter'), '/v1/drawers', { operator: $('day-who').value.trim(), kind: $('day-kind').value, amount: $('day-amount').value.trim() }, () => { $('day-amount').value = ''; }));
$('day-z').addEventListener('click', () => ask($('day-z'), '/v1/day/z', { operator: $('day-who').value.trim() }, (d) => { $('day-told').textContent = word('closed', d.number); }, LONG));
call('GET', '/v1/days?limit=1').then(() => { $('day-open').hidden = false; }, () => {});
