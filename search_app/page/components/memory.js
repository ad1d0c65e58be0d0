// The last searches, as remember.js puts them down. They are kept in this browser and nowhere else.

const LAST = 'albumscope.last';

function read() {
  try {
    const searches = JSON.parse(localStorage.getItem(LAST));
    return Array.isArray(searches) ? searches : [];
  } catch {
    return [];
  }
}

function make(tag, text, className = '') {
  const made = document.createElement(tag);
  made.textContent = text;
  made.className = className;
  return made;
}

export default function({parentElement, data: {labels}, setTriggerValue}) {
  const root = parentElement.querySelector('.memory') ?? parentElement.appendChild(make('div', '', 'memory'));
  const section = make('section', ''), rows = make('ul', ''), searches = read();
  for (const search of searches) {
    const go = make('button', search.label, 'go');
    go.type = 'button';
    go.addEventListener('click', () => setTriggerValue('go', search.query));
    const row = make('li', '');
    row.append(go);
    rows.append(row);
  }
  section.append(make('h3', labels.last), searches.length ? rows : make('p', labels.nothingYet, 'empty'));
  root.replaceChildren(section);
}
