// What both screens make of a sale's state. The words come with each sale.
const signs = {
  good: ['paid', 'part_refunded', 'reconciled'],
  back: ['refunded', 'refund_repaid', 'refunding', 'refund_promised', 'giving_back', 'reversed', 'reversing'],
  doubt: ['in_doubt', 'payer_confirming', 'in_doubt_cancel', 'charging', 'qr_withdrawing', 'taken_over', 'refund_aside', 'refund_failed', 'refund_held', 'unconfirmed', 'disputed', 'receipt_given_up'],
  bad: ['declined', 'declined_final', 'declined_unseen', 'cancelled', 'cancelled_unseen', 'cancelled_offline', 'expired', 'expired_unseen'],
};
const under = ['opened', 'projected', 'judged', 'awaiting_confirmation', 'awaiting_approval', 'awaiting_liveness',
  'ordering', 'presented', 'presented_offline', 'closing', 'charging', 'in_doubt', 'reversing', 'refunding'];
const alone = ['closing', 'reversing', 'refunding'];

export const sign = (s) => Object.keys(signs).find((name) => signs[name].includes(s.says.code)) ?? 'wait';

// rests says that a sale has its outcome, leavable that it goes on by itself.
export const rests = (s) => !under.includes(s.state);
export const leavable = (s) => alone.includes(s.state) || Boolean(s.taken_over);

export const money = (a) => `${a.currency} ${a.decimal}`;

// places are the decimals of a currency that is not the till's own.
export const places = (currency) => new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits;

// Sales are the sales that a screen has heard of, oldest first, with the moment of
// the page's own clock at which what is shown of each runs out.
export class Sales {
  all = new Map();
  #ends = new Map();
  #heard = new Map();
  #until = new Map();

  // put keeps what is newer: the answer to a click may be overtaken by an event.
  put(s) {
    if (this.all.get(s.id)?.history.facts > s.history.facts) return;
    const now = performance.now();
    this.all.set(s.id, s);
    this.#heard.set(s.id, now);
    const until = Date.now() + 1000 * s.price?.seconds_left;
    if (!(Math.abs(until - this.#until.get(s.id)) < 2000)) this.#until.set(s.id, until); // whole seconds are no reason to jump
    if (s.seconds_left === undefined) this.#ends.delete(s.id);
    else this.#ends.set(s.id, now + s.seconds_left * 1000);
  }

  get(id) { return this.all.get(id); }

  // left is in whole seconds, undefined where nothing runs out.
  left(id) {
    const end = this.#ends.get(id);
    return end === undefined ? undefined : Math.max(0, Math.ceil((end - performance.now()) / 1000));
  }

  // since is how many seconds old what was heard last is.
  since(id) { return Math.floor((performance.now() - this.#heard.get(id)) / 1000); }

  // until is the time of day at which the price no longer holds.
  until(id) { return new Date(this.#until.get(id)).toLocaleTimeString('en-GB'); }

  // live is the latest sale that somebody at the counter waits for.
  live() { return [...this.all.values()].findLast((s) => !rests(s) && !leavable(s)); }

  later(a, b) { return [...this.all.keys()].findLast((id) => id === a || id === b) === a; }
}

// code is the QR code to show: to pay, or to begin a check. Its key changes with
// what the code says.
export function code(s) {
  if (s.qr) return { src: s.qr.svg, key: s.qr.text };
  if (s.liveness?.qr) return { src: s.liveness.qr, key: s.liveness.url };
  return undefined;
}

// showCode puts the picture of a code into its place. A new picture is a new element
// with an address of its own: another source in the old one leaves the old picture
// there until the new one is loaded, and for good where it is not; and an address
// that a document has shown before is drawn from memory, whatever its headers say.
let drawn = 0;
export function showCode(place, what, alt) {
  const old = place.querySelector('#code');
  if (!what) old?.remove();
  if (!what || old?.dataset.key === what.key) return;
  const img = new Image();
  img.id = 'code';
  img.dataset.key = what.key;
  img.alt = alt;
  img.src = `${what.src}?drawn=${++drawn}`;
  old?.remove();
  place.prepend(img);
}

// rate and range put a price's rates into figures: the payer's currency for one unit
// of the shop's.
export const rate = (p) => `${p.asked.currency} 1 = ${p.charged.currency} ${p.rate}`;
export const range = (p) => `${p.low}–${p.high}`;
