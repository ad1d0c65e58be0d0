// Keys for the grid, pictures that are pasted anywhere on the page, and the page's address.

const BOX = '.st-key-q input';
const PHOTOS = '[class*="st-key-open-"] button';
const TAKES_KEYS = 'input, textarea, [contenteditable], [role="combobox"], [role="slider"], [role="listbox"]';
const LONG_SIDE = 1600; // pixels: more is of no use to a model

let paste = () => {}, go = () => {}, isFirst = true, calls = 0;

function toSearchBox() {
  const box = document.querySelector(BOX);
  box?.focus();
  box?.select();
}

function toPhoto(key) {
  const photos = [...document.querySelectorAll(PHOTOS)];
  const at = photos.indexOf(document.activeElement);
  const top = photo => Math.round(photo.getBoundingClientRect().top);
  const columns = photos.filter(photo => top(photo) === top(photos[0])).length;
  const step = {ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns}[key];
  const next = photos[at < 0 ? 0 : at + step];
  next?.focus();
  next?.closest('[class*="st-key-card-"]').scrollIntoView({block: 'nearest'});
}

function findSimilar() {
  const at = [...document.querySelectorAll(PHOTOS)].indexOf(document.activeElement);
  document.querySelectorAll('[class*="st-key-similar-"] button')[at]?.click();
}

function turnPage(key) {
  const where = {ArrowLeft: 'previous', ArrowRight: 'next'}[key];
  document.querySelector(`[role="dialog"] .st-key-${where} button:enabled`)?.click();
}

function onKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
  const target = event.composedPath()[0];
  if (target.closest?.(TAKES_KEYS)) return;
  const dialog = document.querySelector('[role="dialog"]');
  if (dialog) {
    if (event.key === 's') dialog.querySelector('.st-key-alike button')?.click();
    else if (target.closest?.('[data-takes-arrows]')) return;
    else if (event.key === 'ArrowLeft' || event.key === 'ArrowRight') turnPage(event.key);
    else return;
  } else if (event.key === '/') toSearchBox();
  else if (event.key.startsWith('Arrow') && document.querySelector(PHOTOS)) toPhoto(event.key);
  else if (event.key === 's') findSimilar();
  else return;
  event.preventDefault();
}

async function onPaste(event) {
  const file = [...event.clipboardData.files].find(file => file.type.startsWith('image/'));
  if (!file) return;
  event.preventDefault();
  const picture = await createImageBitmap(file).catch(() => null);
  if (!picture) return;
  const scale = Math.min(1, LONG_SIDE / Math.max(picture.width, picture.height));
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.round(picture.width * scale));
  canvas.height = Math.max(1, Math.round(picture.height * scale));
  canvas.getContext('2d').drawImage(picture, 0, 0, canvas.width, canvas.height);
  paste({name: file.name || 'pasted', data: canvas.toDataURL('image/png')});
}

const onBack = () => go(location.search.slice(1));

// The server knows the search; a step back in the browser's history is told to it.
function keepAddress(query) {
  const same = text => new URLSearchParams(text).toString();
  if (same(query) !== same(location.search)) {
    const address = location.pathname + (query ? `?${query}` : '');
    history[isFirst ? 'replaceState' : 'pushState'](null, '', address);
  }
  isFirst = false;
}

const nameKey = () => document.querySelector(BOX)?.setAttribute('aria-keyshortcuts', '/');
// The page may put up another box, without it.
const boxes = new MutationObserver(nameKey);

// Streamlit calls this at every run of the page; the same listener is added only once. What is
// returned takes them away, unless it was called again since: Streamlit may clean up after a call
// that something has overtaken.
export default function({data, setTriggerValue}) {
  const call = ++calls;
  paste = picture => setTriggerValue('paste', picture);
  go = query => setTriggerValue('go', query);
  document.addEventListener('keydown', onKey);
  document.addEventListener('paste', onPaste);
  window.addEventListener('popstate', onBack);
  boxes.observe(document.body, {childList: true, subtree: true});
  nameKey();
  keepAddress(data.query);
  return () => {
    if (call !== calls) return;
    document.removeEventListener('keydown', onKey);
    document.removeEventListener('paste', onPaste);
    window.removeEventListener('popstate', onBack);
    boxes.disconnect();
  };
}
