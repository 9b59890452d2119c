import { lang, say } from './words.js';
import { Problem, call, insist, newKey } from './net.js';
import { money } from './states.js';
import { $, element, input } from './elements.js';

// The owner's list. What a case is about comes in words from the API; these are the
// labels around them.
const labels = {
  en: { title: 'For the owner', close: 'Back', who: 'Your name', note: 'What was found', done: 'Close this case', none: 'Nothing waits for the owner.', todo: 'To do: ', order: 'order', unsure: 'No answer yet. Press the same button again: the case is closed once.', more: 'older ones follow when these are closed' },
  zh: { title: '店主事项', close: '返回', who: '您的姓名', note: '核对结果', done: '关闭此事项', none: '没有待店主处理的事项。', todo: '待办：', order: '订单', unsure: '尚未收到答复。请再按同一按钮，不会重复关闭。', more: '关闭以上事项后，将显示更早的事项' },
}[lang];

const clicks = new Map(); // what was asked for and not answered, with its key
let list = { cases: [], open: 0 };

// look asks what waits. A till that has no cases, or does not answer, shows none: the
// page says by itself that nobody answers.
export async function look() {
  try {
    list = await call('GET', '/v1/cases?state=open&limit=20');
  } catch {
    return;
  }
  $('cases-open').hidden = !list.open;
  $('cases-open').textContent = `${labels.title} (${list.open})`;
  if ($('cases').open) render();
}

function card(c) {
  const time = new Date(c.opened).toLocaleString(document.documentElement.lang, { dateStyle: 'short', timeStyle: 'short', hourCycle: 'h23' });
  const facts = [c.amount && money(c.amount), time, c.order_no && `${labels.order} ${c.order_no}`].filter(Boolean).join(' · ');
  const who = input(labels.who, 64), note = input(labels.note, 200), done = element('button', labels.done);
  done.type = 'button';
  done.disabled = true;
  const ready = () => { done.disabled = !who.value.trim() || !note.value.trim(); };
  for (const i of [who, note]) i.addEventListener('input', ready);
  done.addEventListener('click', () => finish(c.id, { operator: who.value.trim(), note: note.value.trim() }, done));
  const li = element('li', '', element('p', facts), element('p', say(c.says.what)), ...c.says.evidence.map((e) => element('p', say(e))), element('p', labels.todo + say(c.says.next)), element('div', '', who, note, done));
  li.dataset.id = c.id;
  return li;
}

// render leaves the cards that are there: somebody may be typing in one.
function render() {
  const there = new Map([...$('case-rows').children].map((li) => [li.dataset.id, li]));
  const rows = list.cases.map((c) => there.get(String(c.id)) ?? card(c));
  if (list.open > list.cases.length) rows.push(element('li', labels.more));
  if (!rows.length) rows.push(element('li', labels.none));
  const now = [...$('case-rows').children];
  if (now.length !== rows.length || rows.some((li, i) => li !== now[i])) $('case-rows').replaceChildren(...rows);
}

async function finish(id, body, button) {
  const what = `${id} ${JSON.stringify(body)}`;
  if (!clicks.has(what)) clicks.set(what, newKey());
  button.disabled = true;
  $('cases-told').textContent = '';
  try {
    await insist('POST', `/v1/cases/${id}/close`, body, clicks.get(what));
    clicks.delete(what);
  } catch (e) {
    if (e instanceof Problem) clicks.delete(what);
    $('cases-told').textContent = e instanceof Problem ? (e.text ? say(e.text) : e.detail) : labels.unsure;
    button.disabled = false;
  }
  await look();
}

setInterval(look, 60000); // somebody may have closed one elsewhere
$('cases-title').textContent = labels.title;
$('cases-close').textContent = labels.close;
$('cases-close').addEventListener('click', () => $('cases').close());
$('cases-open').addEventListener('click', () => {
  $('cases-told').textContent = '';
  render();
  $('cases').showModal();
  look();
});
