// A list of what keys do, for whoever presses "?".

import {button, element} from './elements.js';

export function showKeys({keys, keyList, close}) {
  const dialog = element('dialog', 'wall-keys');
  dialog.setAttribute('aria-label', keys);
  const list = element('dl');
  for (const [key, does] of keyList) {
    const name = element('dt');
    name.append(element('kbd', '', {textContent: key}));
    list.append(name, element('dd', '', {textContent: does}));
  }
  dialog.append(element('h2', '', {textContent: keys}), list, button(close, '', () => dialog.close()));
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
