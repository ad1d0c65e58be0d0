// A word or a few, as somebody types them.

import {button, element} from './elements.js';

export const askForTag = ({tag, addTag, cancel}, add) => askFor({label: tag, action: addTag, cancel}, add);

export function askFor({label: name, action, cancel, value = ''}, act) {
  const dialog = element('dialog', 'wall-keys');
  dialog.setAttribute('aria-label', action);
  const form = element('form', '', {method: 'dialog'});
  const label = element('label', '', {textContent: name});
  const input = element('input', '', {type: 'text', maxLength: 100, required: true, autocomplete: 'off', value: value.slice(0, 100)});
  label.append(input);
  const actions = element('div', 'wall-actions');
  actions.append(element('button', 'is-first', {type: 'submit', textContent: action}),
    button(cancel, '', () => dialog.close()));
  form.append(label, actions);
  form.addEventListener('submit', () => input.value.trim() && act(input.value));
  dialog.append(form);
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  input.select();
}
