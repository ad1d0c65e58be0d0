// A tag for photos, as somebody types it.

import {button, element} from './elements.js';

export function askForTag({tag, addTag, cancel}, add) {
  const dialog = element('dialog', 'wall-keys');
  dialog.setAttribute('aria-label', addTag);
  const form = element('form', '', {method: 'dialog'});
  const label = element('label', '', {textContent: tag});
  const input = element('input', '', {type: 'text', maxLength: 100, required: true, autocomplete: 'off'});
  label.append(input);
  const actions = element('div', 'wall-actions');
  actions.append(element('button', 'is-first', {type: 'submit', textContent: addTag}),
    button(cancel, '', () => dialog.close()));
  form.append(label, actions);
  form.addEventListener('submit', () => input.value.trim() && add(input.value));
  dialog.append(form);
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  input.focus();
}
