import { lang, say } from './words.js';
import { Problem, call, insist } from './net.js';
import { money } from './states.js';
import { $, element, input } from './elements.js';

// What is owed and not done. What each job is about comes in words from the API;
// these are the labels around them.
const labels = {
  en: { title: 'Owed', close: 'Back', who: 'Your name', why: 'Reason', retry: 'Go on now', 'set-aside': 'Set aside', repaid: 'Given back another way', none: 'Nothing is owed.', todo: 'To do: ', next: 'next in {n} s', never: 'nothing happens by itself', unsure: 'No answer yet. Press the same button again.' },
  zh: { title: '待办款项', close: '返回', who: '您的姓名', why: '原因', retry: '立即继续', 'set-aside': '搁置', repaid: '已以其他方式退还', none: '没有待办款项。', todo: '待办：', next: '{n} 秒后继续', never: '不会自动继续', unsure: '尚未收到答复。请再按同一按钮。' },
}[lang];

const quiet = ['watch', 'open']; // nobody waits for money
let list = { jobs: [] }, onScreen = null;

// look asks what is owed. What only takes its usual time is in the list and not on
// the button.
export async function look() {
  try {
    list = await call('GET', '/v1/queue');
  } catch {
    return;
  }
  list.jobs = list.jobs.filter((j) => j.debts.some((d) => !quiet.includes(d.kind)));
  draw();
}

// beside says whose code the screen shows, if any: that sale waits for the customer who
// stands before it, and is on no other list until somebody has waited too long.
export function beside(id) {
  if (id === onScreen) return;
  onScreen = id;
  draw();
}

const jobs = () => list.jobs.filter((j) => list.alarm || j.id !== onScreen);

function draw() {
  const n = jobs().length;
  $('queue-open').hidden = !n;
  $('queue-open').textContent = `${labels.title} (${n})`;
  $('queue-open').toggleAttribute('data-alarm', list.alarm);
  if ($('queue').open) render();
}

// soon looks once for all that happens in a moment: a payment that has come is owed
// no longer, and says so beside "paid".
let waiting = 0;
export function soon() {
  waiting ||= setTimeout(() => { waiting = 0; look(); }, 300);
}

function card(j) {
  const who = input(labels.who, 64), why = input(labels.why, 200);
  const of = (kind) => j.debts.some((d) => d.kind.startsWith(kind));
  const buttons = ['retry', of('refund_failed') && 'repaid', of('refund') && 'set-aside'].filter(Boolean).map((what) => {
    const b = element('button', labels[what]);
    b.type = 'button';
    b.disabled = true;
    b.addEventListener('click', () => speak(j.id, what, { operator: who.value.trim(), reason: why.value.trim() }, b));
    return b;
  });
  const ready = () => { for (const b of buttons) b.disabled = !who.value.trim() || !why.value.trim(); };
  for (const i of [who, why]) i.addEventListener('input', ready);
  const owes = j.debts.map((d) => element('p', `${money(d.amount)} · ${d.refund_no ?? d.order_no ?? j.id}`));
  const li = element('li', '', ...owes, element('p', say(j.says.what)), element('p'), element('p', labels.todo + say(j.says.next)), element('div', '', who, why, ...buttons));
  li.dataset.id = j.id;
  li.dataset.is = key(j);
  return li;
}

const key = (j) => j.id + j.state + j.debts.map((d) => d.kind + d.refund_no).join();

// render leaves the cards that are there: somebody may be typing in one.
function render() {
  const there = new Map([...$('queue-rows').children].map((li) => [li.dataset.is, li]));
  const rows = jobs().map((j) => {
    const li = there.get(key(j)) ?? card(j);
    const when = j.next_s === undefined ? labels.never : labels.next.replace('{n}', j.next_s);
    li.querySelectorAll(':scope > p')[j.debts.length + 1].textContent = [j.reason && say(j.reason.text), when].filter(Boolean).join(' ');
    return li;
  });
  if (!rows.length) rows.push(element('li', labels.none));
  const now = [...$('queue-rows').children];
  if (now.length !== rows.length || rows.some((li, i) => li !== now[i])) $('queue-rows').replaceChildren(...rows);
}

async function speak(id, what, body, button) {
  button.disabled = true;
  $('queue-told').textContent = '';
  try {
    await insist('POST', `/v1/queue/${id}/${what}`, body);
  } catch (e) {
    $('queue-told').textContent = e instanceof Problem ? (e.text ? say(e.text) : e.detail) : labels.unsure;
    button.disabled = false;
  }
  await look();
}

setInterval(look, 60000); // what is owed grows old
$('queue-title').textContent = labels.title;
$('queue-close').textContent = labels.close;
$('queue-close').addEventListener('click', () => $('queue').close());
$('queue-open').addEventListener('click', () => {
  $('queue-told').textContent = '';
  render();
  $('queue').showModal();
  look();
});
