// Problem is a refusal of the till: it was understood, and nothing was done.
export class Problem extends Error {
  constructor(body) {
    super(body.detail);
    Object.assign(this, body);
  }
}

// newKey names one click. crypto.randomUUID is missing where the page did not
// come from a secure origin; getRandomValues never is.
export const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, '0')).join('');

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// call asks once. Any error but a Problem says that the outcome is not known.
export async function call(method, path, body, key) {
  const headers = {};
  if (body) headers['Content-Type'] = 'application/json';
  if (key) headers['Idempotency-Key'] = `"${key}"`;
  const answer = await fetch(path, { method, headers, body: body && JSON.stringify(body), signal: AbortSignal.timeout(10000) });
  const value = await answer.json();
  if (!answer.ok) throw new Problem(value);
  return value;
}

// insist asks again under the same key until it is answered or gives up. Without
// a key only what may be done twice is asked for.
export async function insist(method, path, body, key) {
  for (let tries = 1; ; tries++) {
    try {
      return await call(method, path, body, key);
    } catch (e) {
      const again = !(e instanceof Problem) || e.code === 'once_in_flight' || e.status === 503;
      if (!again || tries === 4) throw e;
    }
    await pause(700);
  }
}

// follow loads the last sales and hears of everything after them. The browser
// resumes a broken stream with the last number it saw; where it gives up, all
// is loaded anew.
export async function follow(on) {
  let list;
  try {
    list = await call('GET', '/v1/sales?limit=10');
  } catch {
    on.reachable(false);
    setTimeout(() => follow(on), 1000);
    return;
  }
  on.loaded(list.sales);
  const events = new EventSource(`/v1/events?after=${list.seq}`);
  events.addEventListener('open', () => on.reachable(true));
  events.addEventListener('sale', (e) => on.sale(JSON.parse(e.data)));
  events.addEventListener('health', (e) => on.status(JSON.parse(e.data)));
  events.addEventListener('notice', (e) => on.notice(JSON.parse(e.data)));
  events.addEventListener('error', () => {
    on.reachable(false);
    if (events.readyState !== EventSource.CLOSED) return;
    setTimeout(() => follow(on), 1000);
  });
}
