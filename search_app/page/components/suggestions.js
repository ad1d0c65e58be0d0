// Names of the library below the search box while one types: a combobox as WAI-ARIA describes it,
// whose box is Streamlit's own. Up and down go through the list, Enter takes one, Esc closes it.

const BOX = '.st-key-q input', LIST = 'albumscope-suggestions';
const WAIT = 80; // ms after a key, so that a word typed at once is asked for once

let given = {}, choose = () => {}, root, shown = [], active = -1, timer, asked = 0, calls = 0;

const box = () => document.querySelector(BOX);

function close() {
  clearTimeout(timer);
  asked++;
  shown = [];
  draw();
}

function draw() {
  const input = box(), list = root.querySelector('ul');
  const isOpen = shown.length > 0;
  list.hidden = !isOpen;
  list.replaceChildren(...shown.map(({label, kind, count}, at) => {
    const item = document.createElement('li');
    item.id = `${LIST}-${at}`;
    item.setAttribute('role', 'option');
    item.setAttribute('aria-selected', at === active);
    const name = document.createElement('span'), what = document.createElement('small');
    name.textContent = label;
    what.textContent = `${given.kinds[kind]} · ${count.toLocaleString(given.language)}`;
    item.append(name, ' ', what);
    // before the box loses the focus
    item.addEventListener('pointerdown', event => (event.preventDefault(), take(at)));
    return item;
  }));
  root.querySelector('[role="status"]').textContent =
    isOpen ? given.found.replace('{count}', shown.length) : '';
  if (!input) return;
  const {left, bottom, width} = input.closest('[data-baseweb="input"], div').getBoundingClientRect();
  Object.assign(list.style, {left: `${left}px`, top: `${bottom + 4}px`, width: `${width}px`});
  input.setAttribute('aria-expanded', isOpen);
  if (active >= 0) input.setAttribute('aria-activedescendant', `${LIST}-${active}`);
  else input.removeAttribute('aria-activedescendant');
}

function write(text) {
  const {set} = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value');
  set.call(box(), text);
  box().dispatchEvent(new Event('input', {bubbles: true}));
}

function take(at) {
  const {kind, value, rest} = shown[at];
  write(rest);
  close();
  choose({kind, value, rest});
}

async function ask(typed) {
  const mine = ++asked;
  const query = new URLSearchParams({typed, language: given.language});
  const answer = await fetch(`${given.address}&${query}`).catch(() => null);
  const found = answer?.ok ? await answer.json() : [];
  if (mine !== asked || document.activeElement !== box()) return;
  [shown, active] = [found, -1];
  draw();
}

function onInput(event) {
  if (!event.target.matches?.(BOX) || !event.isTrusted) return;
  clearTimeout(timer);
  const typed = event.target.value;
  if (typed.trim()) timer = setTimeout(() => ask(typed), WAIT);
  else close();
}

function onKey(event) {
  if (!event.target.matches?.(BOX) || event.isComposing) return;
  const step = {ArrowDown: 1, ArrowUp: -1}[event.key];
  if (event.key === 'Enter' && active < 0) return close(); // the text itself is searched for
  if (!shown.length) return;
  if (step) {
    active = (active + step + 1 + shown.length + 1) % (shown.length + 1) - 1;
    draw();
  } else if (event.key === 'Enter') take(active);
  else if (event.key === 'Escape') close();
  else return;
  event.preventDefault();
  event.stopPropagation();
}

const onLeave = event => event.target.matches?.(BOX) && close();

function name() {
  const input = box();
  if (!input || input.getAttribute('role') === 'combobox') return;
  input.setAttribute('role', 'combobox');
  input.setAttribute('aria-autocomplete', 'list');
  input.setAttribute('aria-controls', LIST);
  input.setAttribute('aria-expanded', 'false');
  input.autocomplete = 'off';
}
// The page may put up another box, without it.
const boxes = new MutationObserver(name);

export default function({parentElement, data, setTriggerValue}) {
  const call = ++calls;
  given = data;
  choose = name => setTriggerValue('chosen', name);
  root = parentElement.querySelector('.suggestions');
  if (!root) {
    root = document.createElement('div');
    root.className = 'suggestions';
    root.innerHTML = '<ul role="listbox" hidden></ul><p role="status"></p>';
    parentElement.append(root);
  }
  const list = root.querySelector('ul');
  list.id = LIST;
  list.setAttribute('aria-label', data.label);
  document.addEventListener('input', onInput);
  document.addEventListener('keydown', onKey, true); // before Streamlit's own
  document.addEventListener('focusout', onLeave);
  document.addEventListener('scroll', close, true);
  boxes.observe(document.body, {childList: true, subtree: true});
  name();
  return () => {
    if (call !== calls) return;
    document.removeEventListener('input', onInput);
    document.removeEventListener('keydown', onKey, true);
    document.removeEventListener('focusout', onLeave);
    document.removeEventListener('scroll', close, true);
    boxes.disconnect();
  };
}
