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

// LONG is for what may take minutes: a day that nobody has closed for a year.
export const LONG = 900000;

// call asks once. Any error but a Problem says that the outcome is not known.
export async function call(method, path, body, key, wait = 10000) {
  const headers = {};
  if (body) headers['Content-Type'] = 'application/json';
  if (key) headers['Idempotency-Key'] = `"${key}"`;
  const answer = await fetch(path, { method, headers, body: body && JSON.stringify(body), signal: AbortSignal.timeout(wait) });
  const value = await answer.json();
  if (!answer.ok) throw new Problem(value);
  return value;
}

// insist asks again under the same key until it is answered or gives up. Without
// a key only what may be done twice is asked for.
export async function insist(method, path, body, key, wait) {
  for (let tries = 1; ; tries++) {
    try {
      return await call(method, path, body, key, wait);
    } catch (e) {
      const again = !(e instanceof Problem) || e.code === 'once_in_flight' || e.status === 503;
      if (!again || tries === 4) throw e;
    }
    await pause(700);
  }
}

// SILENCE is longer than two beats of the till. A till that hangs breaks no
// connection, and what is on the screen grows old all the same.
const SILENCE = 12000;

// follow loads the last sales and hears of everything after them. The browser
// resumes a broken stream with the last number it saw; where it gives up, or hears
// nothing, all is loaded anew. A beat says that everything there is was sent.
export async function follow(on) {
  const again = () => setTimeout(() => follow(on), 1000);
  let list;
  try {
    list = await call('GET', '/v1/sales?limit=10');
  } catch {
    on.reachable(false);
    again();
    return;
  }
  on.loaded(list.sales);
  const events = new EventSource(`/v1/events?after=${list.seq}`);
  let heard = performance.now();
  const hear = (name, tell) => events.addEventListener(name, (e) => {
    heard = performance.now();
    tell?.(e.data && JSON.parse(e.data));
  });
  const end = () => {
    clearInterval(guard);
    events.close();
    on.reachable(false);
    again();
  };
  const guard = setInterval(() => { if (performance.now() - heard > SILENCE) end(); }, 1000);
  hear('sale', on.sale);
  hear('health', on.status);
  hear('notice', on.notice);
  hear('beat', () => on.reachable(true));
  events.addEventListener('error', () => {
    on.reachable(false);
    if (events.readyState === EventSource.CLOSED) end();
  });
}
