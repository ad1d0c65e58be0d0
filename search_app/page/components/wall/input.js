// What mouse, finger and keys do on the wall.

import {showKeys} from './keys.js';

const LONG_PRESS = 450; // ms
const TAKES_KEYS = 'input, textarea, select, [contenteditable], [role="combobox"], [role="slider"],'
  + ' [role="listbox"], [role="radio"], [role="menu"], [role="dialog"], dialog';

export function listen(wall) {
  wall.list.addEventListener('click', event => clicked(wall, event));
  wall.list.addEventListener('pointerdown', event => pressed(wall, event));
  wall.list.addEventListener('contextmenu', event => wall.pressedLong && event.preventDefault());
  document.addEventListener('keydown', event => key(wall, event), {signal: wall.gone.signal});
}

function clicked(wall, event) {
  const tile = event.target.closest('.wall-tile');
  if (!tile) return;
  if (!tile.photo) return wall.viewer.open(tile.place); // it is still on its way
  if (event.target.closest('.wall-similar')) return wall.similar(tile.photo.id);
  if (event.target.closest('.wall-fold')) return wall.trigger('unfold', tile.photo.id);
  const isOpen = event.target.closest('.wall-open');
  if (isOpen && (event.ctrlKey || event.metaKey)) return; // another tab
  event.preventDefault();
  if (wall.pressedLong) {
    wall.pressedLong = false;
  } else if (!isOpen || wall.selection.size || event.shiftKey) {
    wall.selection.choose(tile.place, event.shiftKey);
  } else wall.viewer.open(tile.place);
}

// A finger that stays selects; a mouse that goes on from a tick selects what it goes over.
function pressed(wall, event) {
  const tile = event.target.closest('.wall-tile');
  if (!tile?.photo) return;
  if (event.pointerType === 'mouse') {
    if (event.button === 0 && event.target.closest('.wall-check')) wall.selection.drag(tile.place);
    return;
  }
  wall.pressedLong = false;
  const timer = setTimeout(() => {
    wall.pressedLong = true;
    wall.selection.choose(tile.place, false);
  }, LONG_PRESS);
  for (const name of ['pointerup', 'pointercancel', 'pointermove']) {
    wall.list.addEventListener(name, ({movementX = 0, movementY = 0}) => {
      if (name !== 'pointermove' || Math.hypot(movementX, movementY) > 4) clearTimeout(timer);
    }, {once: name !== 'pointermove', signal: AbortSignal.timeout(LONG_PRESS)});
  }
}

function key(wall, event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
  const target = event.composedPath()[0];
  if (wall.viewer.isOpen || target.closest?.(TAKES_KEYS)) return;
  if (event.key !== '?' && (!wall.count() || wall.body.hidden)) return;
  const here = target.closest?.('.wall-tile')?.place;
  const act = {
    ArrowLeft: () => wall.focus(Math.max(0, (here ?? 1) - 1)),
    ArrowRight: () => wall.focus(Math.min(wall.count() - 1, (here ?? -1) + 1)),
    ArrowUp: () => wall.focus(here === undefined ? 0 : beyond(wall, here, -1)),
    ArrowDown: () => wall.focus(here === undefined ? 0 : beyond(wall, here, 1)),
    s: () => here !== undefined && wall.similar(wall.photos.at(here).id),
    f: () => here !== undefined && wall.favourite([wall.photos.at(here).id]),
    x: () => here !== undefined && wall.selection.choose(here, false),
    '?': () => showKeys(wall.labels),
    Escape: () => wall.selection.size && wall.selection.clear(),
  }[event.key];
  if (!act) return;
  if (act() !== false) event.preventDefault();
}

// The photo above or below another, nearest to its middle.
function beyond({boxes}, place, direction) {
  const {top, left, wide, count} = boxes;
  const middle = left[place] + wide[place] / 2;
  let at = place;
  while (at >= 0 && at < count && top[at] === top[place]) at += direction;
  if (at < 0 || at >= count) return place;
  const row = top[at];
  let best = at;
  for (; at >= 0 && at < count && top[at] === row; at += direction) {
    const distance = each => Math.abs(left[each] + wide[each] / 2 - middle);
    if (distance(at) < distance(best)) best = at;
  }
  return best;
}
