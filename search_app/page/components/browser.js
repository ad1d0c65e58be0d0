// The way to the search box and to the pages, pictures that are pasted or dropped anywhere on the
// page, its language and its address.

const BOX = '.st-key-q input';
const TAKES_KEYS = 'input, textarea, [contenteditable], [role="combobox"], [role="slider"], [role="listbox"], [role="dialog"]';
const LONG_SIDE = 1600; // pixels: more is of no use to a model
const OF_WALL = ['photo', 'unlikely']; // parameters of the address that the server does not know

let paste = () => {}, go = () => {}, pages, told, path, isFirst = true, calls = 0;

function toSearchBox() {
  const box = document.querySelector(BOX);
  box?.focus();
  box?.select();
}

function onKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
  if (event.key !== '/' || event.composedPath()[0].closest?.(TAKES_KEYS)) return;
  toSearchBox();
  event.preventDefault();
}

const onPaste = event => take(event, event.clipboardData);

// Files from elsewhere; what is dragged within the page is not meant.
let isOurs = false;
const onDragStart = () => { isOurs = true; };
const onDragEnd = () => { isOurs = false; };
const showDrop = isOver => document.body.classList.toggle('is-dropped-on', isOver);

function onDragOver(event) {
  if (isOurs || event.defaultPrevented || !event.dataTransfer.types.includes('Files')) return showDrop(false);
  event.preventDefault(); // else the browser would leave the page, and show the file
  showDrop(true);
}

const onDragLeave = event => event.relatedTarget ?? showDrop(false);

function onDrop(event) {
  showDrop(false);
  if (isOurs || event.defaultPrevented || !event.dataTransfer.files.length) return;
  event.preventDefault();
  take(event, event.dataTransfer);
}

async function take(event, {files}) {
  const file = [...files].find(file => file.type.startsWith('image/'));
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

const ofPictures = Object.entries({
  paste: onPaste, dragstart: onDragStart, dragend: onDragEnd, dragover: onDragOver, dragleave: onDragLeave,
  drop: onDrop,
});

// The server knows the search; a step back in the browser's history to another is told to it.
// Streamlit itself follows one to another of its pages.
const onBack = () => location.pathname === path && withoutWall(location.search) !== told && go(location.search.slice(1));

function withoutWall(query) {
  const parameters = new URLSearchParams(query);
  for (const name of OF_WALL) parameters.delete(name);
  return parameters.toString();
}

function keepAddress(query) {
  told = withoutWall(query);
  path = location.pathname;
  if (told !== withoutWall(location.search)) {
    const parameters = new URLSearchParams(query);
    if (isFirst) {
      for (const [name, value] of new URLSearchParams(location.search)) {
        if (OF_WALL.includes(name)) parameters.set(name, value);
      }
    }
    const address = location.pathname + (parameters.size ? `?${parameters}` : '');
    history[isFirst ? 'replaceState' : 'pushState'](null, '', address);
  }
  isFirst = false;
  window.dispatchEvent(new Event('albumscope:address'));
}

// What Streamlit does not say of what it draws: the key of the box, what the bar of pages is, where
// the first page lies, and which one is shown.
function name() {
  document.querySelector(BOX)?.setAttribute('aria-keyshortcuts', '/');
  const bar = document.querySelector('.st-key-pages');
  bar?.setAttribute('role', 'navigation');
  bar?.setAttribute('aria-label', pages);
  for (const link of bar?.querySelectorAll('a') ?? []) {
    if (!link.getAttribute('href')) link.setAttribute('href', './');
    link.ariaCurrent = link.pathname === location.pathname ? 'page' : null;
  }
}
// The page may put up others, without it.
const drawn = new MutationObserver(name);

// Streamlit calls this at every run of the page; the same listener is added only once. What is
// returned takes them away, unless it was called again since: Streamlit may clean up after a call
// that something has overtaken.
export default function({data, setTriggerValue}) {
  const call = ++calls;
  paste = picture => setTriggerValue('paste', picture);
  go = query => setTriggerValue('go', query);
  document.addEventListener('keydown', onKey);
  for (const [name, listener] of ofPictures) document.addEventListener(name, listener);
  window.addEventListener('popstate', onBack);
  pages = data.pages;
  drawn.observe(document.body, {childList: true, subtree: true});
  name();
  document.documentElement.lang = data.language;
  keepAddress(data.query);
  return () => {
    if (call !== calls) return;
    document.removeEventListener('keydown', onKey);
    for (const [name, listener] of ofPictures) document.removeEventListener(name, listener);
    window.removeEventListener('popstate', onBack);
    drawn.disconnect();
  };
}
