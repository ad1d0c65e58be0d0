// What photos can be filtered by, and what they are filtered by now.
//
// The state is a query as the page's address has it, "event=…&year=…&off=…". A click changes it here
// at once and tells the server. What the server says before it has heard of the last click is old.
// Values and their counts are asked for when somebody opens a facet.

const WAIT = 120; // ms after a key, so that a word typed at once is asked for once
const LONG = 10; // values: more have a search field above them
const PHONE = matchMedia('(max-width: 640px)');

let given = {}, tell = () => {}, root, state = new URLSearchParams(), told = 0, calls = 0;
const names = {}; // of values, by the key of their filter
let open = null; // the facet whose panel is open: {facet, element, asked, shown, timer}

function make(tag, {text, on = {}, ...attributes} = {}, ...children) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, '');
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  for (const [name, act] of Object.entries(on)) made.addEventListener(name, act);
  made.append(...children);
  return made;
}

const find = selector => root.querySelector(selector);
const number = count => count.toLocaleString(given.locale);
const day = text =>
  new Date(`${text}T00:00`).toLocaleDateString(given.locale, {dateStyle: 'long'});
const keys = facet => facet.groups.map(group => group.key);
const chosen = facet => keys(facet).flatMap(key => state.getAll(key).map(value => [key, value]));
const every = () => given.facets.flatMap(chosen);

function change(edit) {
  edit(state);
  drawState();
  tell({query: `${state}`, number: ++told});
}

function name(group, value) {
  if (group.kind === 'choice') return given.words[value];
  if (group.kind === 'day') return day(value);
  return names[group.key]?.[value] ?? value;
}

// --- The row of facets, and the chips below it

function drawFacets() {
  const isNew = JSON.stringify(given.facets) !== root.dataset.facets;
  if (!isNew) return;
  close();
  root.dataset.facets = JSON.stringify(given.facets);
  find('.all').replaceChildren(...given.facets.map(facet => {
    const id = `facet-${facet.groups[0].key}`;
    const button = make('button', {
      type: 'button', 'aria-expanded': 'false', 'aria-controls': id,
      on: {click: () => (open?.facet === facet ? close() : show(facet))},
    }, make('span', {text: facet.label}), make('b'));
    const panel = make('div', {id, class: 'panel', role: 'group', 'aria-label': facet.label, hidden: true});
    return make('div', {class: 'facet', 'data-key': facet.groups[0].key}, button, panel);
  }), make('button', {type: 'button', class: 'favourites', text: given.labels.favourites, on: {click: onFavourites}}));
}

function onFavourites() {
  find('.sheet').close();
  tell({query: `${state}`, number: ++told, favourites: !given.favourites});
}

function drawState() {
  const count = every().length + given.favourites;
  find('.favourites').setAttribute('aria-pressed', given.favourites);
  for (const facet of given.facets) {
    const element = find(`[data-key="${facet.groups[0].key}"]`), many = chosen(facet).length;
    element.classList.toggle('on', many > 0);
    element.querySelector('b').textContent = many ? number(many) : '';
  }
  const opener = find('.opener');
  opener.title = count ? `${given.labels.filters} (${number(count)})` : given.labels.filters;
  opener.setAttribute('aria-label', opener.title);
  opener.textContent = count ? number(count) : '';
  opener.classList.toggle('on', count > 0);
  for (const clear of root.querySelectorAll('.clear')) clear.hidden = !every().length;
  for (const box of root.querySelectorAll('.panel input[data-key]')) {
    const {key} = box.dataset;
    if (box.type === 'date') { if (document.activeElement !== box) box.value = state.get(key) ?? ''; }
    else box.checked = box.value ? state.has(key, box.value) : !state.has(key);
  }
  drawChips();
}

function chip(words, what, isOff, title, act) {
  const [kind, rest] = words;
  return make('li', {}, make('button', {
    type: 'button', title, class: isOff ? 'off' : null, on: {click: act},
    'aria-label': [[kind, rest].filter(Boolean).join(': '), what].filter(Boolean).join(', '),
  }, ...(kind ? [make('small', {text: `${kind}: `})] : []), rest,
  make('i', {'aria-hidden': 'true', text: isOff ? '↺' : '✕'})));
}

function drawChips() {
  const list = find('.chips');
  const told = JSON.stringify([`${state}`, given.locale, root.dataset.facets, given.readings, every().map(([key, value]) => names[key]?.[value])]);
  if (list.dataset.told === told) return; // a chip that is being pressed is not lost
  list.dataset.told = told;
  const at = [...list.querySelectorAll('button')].indexOf(document.activeElement);
  const chips = given.facets.flatMap(facet => facet.groups.flatMap(group =>
    state.getAll(group.key).map(value => chip(
      [group.label, name(group, value)], given.labels.remove, false, null,
      () => change(query => query.delete(group.key, value))))));
  const readings = given.readings.map(reading => chip(
    [reading.kind, reading.label], null, !reading.isOn, reading.help,
    event => {
      event.currentTarget.classList.toggle('off');
      change(query => (reading.isOn
        ? query.append('off', reading.key) : query.delete('off', reading.key)));
    }));
  const clear = make('li', {}, make('button', {
    type: 'button', class: 'clear', text: given.labels.clear, on: {click: clearAll},
  }));
  list.replaceChildren(...chips, ...readings, ...(chips.length ? [clear] : []));
  list.hidden = !list.childElementCount;
  if (at < 0) return;
  const now = [...list.querySelectorAll('button')];
  (now[Math.min(at, now.length - 1)] ?? firstButton()).focus();
}

const firstButton = () => (PHONE.matches ? find('.opener') : find('.facet > button'));

function clearAll() {
  change(query => every().forEach(([key]) => query.delete(key)));
}

function drawExamples() {
  const list = find('.examples');
  list.hidden = !given.examples;
  if (!given.examples || list.lang === given.language) return;
  list.lang = given.language;
  list.replaceChildren();
  fetch(`${given.examples}&language=${given.language}`).then(answer => (answer.ok ? answer.json() : [])).then(examples => {
    if (!examples.length) return;
    list.replaceChildren(make('li', {text: given.labels.examples}), ...examples.map(text =>
      make('li', {}, make('button', {
        type: 'button', text, on: {click: () => tell({query: `${state}`, number: ++told, text})},
      }))));
  }).catch(() => {});
}

// --- A panel: its values, with a search field if they are many

function show(facet) {
  close();
  const element = find(`[data-key="${facet.groups[0].key}"]`);
  open = {facet, element, asked: 0, shown: new Map()};
  root.dataset.last = facet.groups[0].key;
  element.querySelector('button').setAttribute('aria-expanded', 'true');
  const panel = element.querySelector('.panel');
  panel.hidden = false;
  if (facet.days) drawDays(panel, facet);
  else {
    panel.replaceChildren(make('div'), note(given.labels.loading));
    ask().then(() => focusOn(panel));
  }
  place(element, panel);
  if (PHONE.matches) element.scrollIntoView({block: 'nearest'});
  focusOn(panel);
}

// A phone would put up its keyboard.
const focusOn = panel => PHONE.matches || panel.querySelector('input')?.focus({preventScroll: true});
const note = text => make('p', {class: 'note', role: 'status', text});

function place(element, panel) {
  panel.classList.remove('right');
  panel.classList.toggle('right', panel.getBoundingClientRect().right > innerWidth - 8);
}

function close(isBack = false) {
  if (!open) return;
  const {element, timer} = open, button = element.querySelector('button');
  clearTimeout(timer);
  open = null;
  button.setAttribute('aria-expanded', 'false');
  const panel = element.querySelector('.panel');
  panel.hidden = true;
  panel.replaceChildren();
  if (isBack) button.focus();
}

async function ask(typed = '') {
  const mine = open, asked = ++mine.asked;
  const query = new URLSearchParams({results: given.results ?? '', language: given.language, typed});
  for (const group of mine.facet.groups) query.append('facet', group.facet);
  const found = await (given.answer ?? answerOfServer)(query).catch(() => null);
  if (mine !== open || asked !== mine.asked) return;
  drawValues(found, typed);
}

async function answerOfServer(query) {
  const answer = await fetch(`${given.address}&${query}`);
  return answer.ok ? answer.json() : null;
}

// Values stay where they are while a facet is open, whatever is chosen meanwhile.
function inPlace(values, typed) {
  const shown = open.typed === typed ? open.shown : new Map();
  const at = ([value]) => shown.get(value) ?? Infinity;
  return [...values].sort((one, other) => (at(one) === at(other) ? 0 : at(one) - at(other)));
}

function drawValues(found, typed) {
  const {facet, element} = open, panel = element.querySelector('.panel');
  if (!found) {
    // The page has to search again, once: the server holds what was found for a while only.
    if (given.results && !open.isLost) tell({query: `${state}`, number: ++told});
    else panel.querySelector('.note').textContent = given.labels.failed;
    open.isLost = true;
    return;
  }
  open.isLost = false;
  const total = found.reduce((sum, {total}) => sum + total, 0);
  const focused = document.activeElement?.dataset?.at;
  if (total > LONG && !panel.querySelector('[type=search]')) {
    panel.prepend(make('input', {
      type: 'search', placeholder: given.labels.search, 'aria-label': `${given.labels.search}: ${facet.label}`,
      autocomplete: 'off', on: {input: onType},
    }));
  }
  const shown = new Map();
  const groups = facet.groups.map((group, place) => {
    const values = inPlace(found[place].values.map(([value, ...rest]) => [`${group.key} ${value}`, value, ...rest]), typed);
    values.forEach(([id]) => shown.set(id, shown.size));
    return drawGroup(facet, group, values, typed);
  });
  const stays = open.typed === typed;
  Object.assign(open, {shown, typed});
  const few = found.reduce((sum, {values}) => sum + values.length, 0);
  const said = !few ? given.labels.nothing
    : few < total ? given.labels.more.replace('{count}', number(few)).replace('{total}', number(total)) : '';
  drawGroups(panel.querySelector('div'), groups.filter(Boolean), stays);
  panel.querySelector('.note').textContent = said; // the same element: a screen reader hears of it
  if (focused) panel.querySelector(`[data-at="${CSS.escape(focused)}"]`)?.focus();
  place(element, panel);
}

// What stays is the same element: a key or a finger that is down on it would be lost with it.
function drawGroups(list, groups, stays) {
  if (!stays || list.childElementCount !== groups.length) {
    list.replaceChildren(...groups);
    return;
  }
  const at = row => row.firstChild.dataset.at;
  groups.forEach((group, place) => {
    const there = list.children[place], rows = [...group.querySelectorAll('label')];
    const before = new Map([...there.querySelectorAll('label')].map(row => [at(row), row]));
    for (const row of before.values()) if (!rows.some(other => at(other) === at(row))) row.remove();
    let last = there.querySelector('.title');
    for (const row of rows) {
      const stay = before.get(at(row));
      if (stay) {
        while (stay.childNodes.length > 1) stay.lastChild.remove(); // all but its box
        stay.append(...[...row.childNodes].slice(1));
      } else if (last) last.after(row);
      else there.prepend(row);
      last = stay ?? row;
    }
  });
}

function drawGroup(facet, group, values, typed) {
  if (!values.length || (group.kind === 'choice' && typed)) return null;
  for (const [, value, label] of values) (names[group.key] ??= {})[value] = label;
  const isChoice = group.kind === 'choice';
  const any = isChoice ? [[`${group.key} `, '', given.words.any, null]] : [];
  const rows = [...any, ...values].map(([at, value, label, count], place) => make('label', {},
    make('input', {
      type: isChoice ? 'radio' : 'checkbox', name: `facet-${group.key}`, value,
      'data-key': group.key, 'data-at': at, tabindex: isChoice || !place ? '0' : '-1',
      on: {change: event => onChoose(group, event.target)},
    }),
    make('span', {text: isChoice && value ? given.words[value] : label}),
    ...(count === null ? [] : [' ', make('small', {text: number(count)})])));
  for (const {firstChild: box} of rows) {
    box.checked = box.value ? state.has(group.key, box.value) : !state.has(group.key);
  }
  if (facet.groups.length === 1) return make('div', {class: 'values'}, ...rows);
  return make('div', {
    class: 'values', role: isChoice ? 'radiogroup' : 'group', 'aria-label': group.label,
  }, make('p', {class: 'title', 'aria-hidden': 'true', text: group.label}), ...rows);
}

function onChoose(group, box) {
  change(query => {
    if (box.type === 'radio') query.delete(group.key);
    if (box.checked && box.value) query.append(group.key, box.value);
    else query.delete(group.key, box.value);
  });
  find('.sheet').close();
}

function onType({target}) {
  clearTimeout(open.timer);
  open.timer = setTimeout(() => open && ask(target.value.trim()), WAIT);
}

function drawDays(panel, facet) {
  const [min, max] = facet.days;
  panel.replaceChildren(...facet.groups.map(({key, label}) => {
    const input = make('input', {type: 'date', min, max, 'data-key': key, on: {
      change: () => input.validity.valid && change(query => {
        query.delete(key);
        if (input.value) query.append(key, input.value);
      }),
    }});
    input.value = state.get(key) ?? '';
    return make('label', {class: 'day'}, make('span', {text: label}), input);
  }));
}

// --- Keys, clicks beside a panel, the sheet of a phone

function onKey(event) {
  if (event.key === 'Escape' && open) {
    event.stopPropagation();
    event.preventDefault();
    close(true);
  }
  const {target} = event;
  if (target.matches('input[type=search]') && event.key === 'Enter') event.preventDefault();
  const step = {ArrowDown: 1, ArrowUp: -1}[event.key];
  if (!step || !open || target.matches('[type=radio], [type=date]')) return;
  const fields = [...open.element.querySelectorAll('.panel input')];
  const next = fields[fields.indexOf(target) + step];
  event.preventDefault();
  event.stopPropagation();
  if (next) next.focus();
  else if (step < 0) open.element.querySelector('button').focus();
}

function onFocus({target}) {
  if (!target.matches('.values [type=checkbox]')) return;
  for (const box of target.closest('.values').querySelectorAll('input')) box.tabIndex = box === target ? 0 : -1;
}

const onPress = ({target}) => open && !PHONE.matches && !open.element.contains(target) && close();
const onLeave = ({relatedTarget}) =>
  open && !PHONE.matches && relatedTarget && !open.element.contains(relatedTarget) && close();

function fit() {
  close();
  const all = find('.all'), place = PHONE.matches ? find('.sheet .middle') : find('.row');
  if (all.parentElement !== place) place.append(all);
  if (!PHONE.matches) find('.sheet').close();
}

// Once a value is chosen the sheet closes; another of the same facet is near.
function openSheet() {
  find('.sheet').showModal();
  const last = given.facets.find(facet => facet.groups[0].key === root.dataset.last);
  if (last) show(last);
}

function build(parentElement) {
  const sheet = make('dialog', {class: 'sheet', on: {
    close: () => close(),
    click: event => event.target === sheet && sheet.close(), // on what is behind it
  }},
  make('header', {}, make('h2'), make('button', {type: 'button', class: 'clear', on: {click: clearAll}})),
  make('div', {class: 'middle'}),
  make('footer', {}, make('button', {type: 'button', class: 'done', on: {click: () => sheet.close()}})));
  root = make('div', {class: 'facets', on: {keydown: onKey, focusin: onFocus, focusout: onLeave}},
    make('div', {class: 'row'},
      make('button', {type: 'button', class: 'opener', 'aria-haspopup': 'dialog', on: {click: openSheet}}),
      make('div', {class: 'all', role: 'group'})),
    make('ul', {class: 'chips', hidden: true}), make('ul', {class: 'examples', hidden: true}), sheet);
  parentElement.append(root);
  fit();
}

export default function({parentElement, data, setTriggerValue}) {
  const call = ++calls, isOld = data.answered < told;
  given = data;
  tell = said => setTriggerValue('said', said);
  root = parentElement.querySelector('.facets');
  if (!root) {
    build(parentElement);
    told = data.answered;
  }
  const {labels} = data;
  for (const [key, each] of Object.entries(data.names)) Object.assign(names[key] ??= {}, each);
  find('.all').setAttribute('aria-label', labels.filters);
  find('.chips').setAttribute('aria-label', labels.chosen);
  find('.sheet').setAttribute('aria-label', labels.filters);
  find('.sheet h2').textContent = labels.filters;
  find('.sheet .clear').textContent = labels.clear;
  find('.sheet .done').textContent = labels.done;
  drawFacets();
  if (!isOld) {
    state = new URLSearchParams(data.query);
    const isOther = root.dataset.results !== data.results;
    root.dataset.results = data.results;
    if (open && (isOther || open.isLost) && !open.facet.days) ask(open.typed);
  }
  drawState();
  drawExamples();
  document.addEventListener('pointerdown', onPress);
  PHONE.addEventListener('change', fit);
  return () => {
    if (call !== calls) return;
    document.removeEventListener('pointerdown', onPress);
    PHONE.removeEventListener('change', fit);
  };
}
