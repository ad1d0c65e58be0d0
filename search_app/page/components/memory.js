// The last searches, as remember.js puts them down, and the saved ones. They are kept in this browser
// and nowhere else.

const LAST = 'albumscope.last', SAVED = 'albumscope.saved';

function read(name) {
  try {
    const searches = JSON.parse(localStorage.getItem(name));
    return Array.isArray(searches) ? searches : [];
  } catch {
    return [];
  }
}

function save(searches) {
  try {
    localStorage.setItem(SAVED, JSON.stringify(searches));
  } catch {
    // a browser that keeps nothing: then there is nothing to remember
  }
}

const without = (searches, search) => searches.filter(each => each.query !== search.query);

function button(text, label, className, onClick) {
  const made = document.createElement('button');
  made.type = 'button';
  made.textContent = text;
  made.className = className;
  if (label) made.setAttribute('aria-label', label);
  made.addEventListener('click', onClick);
  return made;
}

function list(title, searches, empty, row) {
  const section = document.createElement('section');
  const heading = document.createElement('h3');
  heading.textContent = title;
  section.append(heading);
  if (searches.length) {
    const rows = document.createElement('ul');
    for (const search of searches) {
      const item = document.createElement('li');
      item.append(...row(search));
      rows.append(item);
    }
    section.append(rows);
  } else {
    const nothing = document.createElement('p');
    nothing.className = 'empty';
    nothing.textContent = empty;
    section.append(nothing);
  }
  return section;
}

export default function({parentElement, data, setTriggerValue}) {
  let root = parentElement.querySelector('.memory');
  if (!root) {
    root = document.createElement('div');
    root.className = 'memory';
    parentElement.append(root);
  }
  const {labels} = data;

  function draw() {
    const saved = read(SAVED);
    const isSaved = search => saved.some(each => each.query === search.query);
    const go = search =>
      button(search.label, null, 'go', () => setTriggerValue('go', search.query));
    const keep = (search, searches) => () => {
      save(searches);
      draw();
    };
    root.replaceChildren(
      list(labels.saved, saved, labels.nothingSaved, search => [
        go(search),
        button('✕', `${labels.forget}: ${search.label}`, '', keep(search, without(saved, search))),
      ]),
      list(labels.last, read(LAST), labels.nothingYet, search => [
        go(search),
        ...(isSaved(search) ? [] : [
          button('☆', `${labels.save}: ${search.label}`, '', keep(search, [...saved, search])),
        ]),
      ]),
    );
  }
  draw();
}
