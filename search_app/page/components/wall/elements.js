// Making elements of a document, and saying something on it.

export function element(name, className = '', properties = {}) {
  const made = document.createElement(name);
  if (className) made.className = className;
  for (const [key, value] of Object.entries(properties)) {
    if (key in made && key !== 'role') made[key] = value;
    else made.setAttribute(key, value);
  }
  return made;
}

export function button(text, className, onClick, label) {
  const made = element('button', className, {type: 'button', textContent: text});
  if (label) made.setAttribute('aria-label', label);
  if (onClick) made.addEventListener('click', onClick);
  return made;
}

// What leads to another search, in another tab if somebody wants it so.
export function linkTo(query, text, go) {
  const link = element('a', '', {href: location.pathname + (query && `?${query}`), textContent: text});
  link.addEventListener('click', event => {
    if (event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    go(query);
  });
  return link;
}

// What happens on an element over the viewer is not about its picture: PhotoSwipe hears nothing of it.
export function keepFromPhoto(root) {
  for (const name of ['wheel', 'pointerdown', 'touchstart', 'click', 'dblclick']) {
    root.addEventListener(name, event => event.stopPropagation(), {passive: true});
  }
}

// A word that goes by itself, perhaps with what can be done about it.
export function say(text, action, act) {
  document.querySelector('.wall-said')?.remove();
  const said = document.body.appendChild(element('div', 'wall-said', {role: 'status'}));
  said.append(text);
  if (action) said.append(button(action, '', () => (said.remove(), act())));
  setTimeout(() => said.remove(), action ? 10000 : 5000);
}
