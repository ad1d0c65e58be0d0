// Making elements of a document.

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
