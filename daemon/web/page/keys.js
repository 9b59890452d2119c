// A scanner that types is told from a cashier by its speed: keys that follow
// each other within BURST milliseconds belong together, and SHORTEST digits of
// them, with Enter at the end, are a code. Digits are held for HOLD before they
// count, so that a scan never gets into the typed amount.
const BURST = 35, HOLD = 50, SHORTEST = 16;

// listen calls type(key) for what a person types and scanned(code) for a burst.
// It needs no focus: whichever button has it, a scan arrives.
export function listen({ type, scanned }) {
  let held = [], last = 0, timer;

  const release = () => {
    clearTimeout(timer);
    const keys = held;
    held = [];
    if (keys.length < SHORTEST) keys.forEach(type); // a longer burst without Enter was cut off: nobody types like that
  };

  document.addEventListener('keydown', (e) => {
    if (e.ctrlKey || e.altKey || e.metaKey || e.isComposing || e.target.closest('input, dialog')) return;
    if (e.timeStamp - last >= BURST) release();
    last = e.timeStamp;
    if (/^[0-9]$/.test(e.key)) {
      held.push(e.key);
      clearTimeout(timer);
      timer = setTimeout(release, HOLD);
      e.preventDefault();
    } else if (e.key === 'Enter' && held.length >= SHORTEST) {
      e.preventDefault(); // it would press whichever button has the focus
      clearTimeout(timer);
      const code = held.join('');
      held = [];
      scanned(code);
    } else if (['Backspace', 'Escape', 'Enter'].includes(e.key)) {
      release();
      if (e.key !== 'Enter' || !e.target.closest('button')) type(e.key);
    }
  });
}
