// One photo on the wall: a link that opens it, and what can be done with it.

import {withParameter} from './address.js';
import {blur} from './blurred.js';
import {button, element} from './elements.js';

export function dress(wall, tile, photo) {
  const {labels} = wall;
  tile.photo = photo;
  const title = photo.title || labels.untitled;
  const open = element('a', 'wall-open', {href: withParameter('photo', photo.id)});
  open.tabIndex = tile.place === wall.focused ? 0 : -1;
  open.setAttribute('aria-label', [title, photo.note, photo.album].filter(Boolean).join(' · '));
  const picture = element('img', '', {alt: '', decoding: 'async', draggable: false});
  picture.addEventListener('load', () => tile.classList.add('is-there'));
  picture.src = photo.src;
  blur(open, photo);
  const about = element('span', 'wall-about', {ariaHidden: true});
  about.append(element('b', '', {textContent: title}),
    element('small', '', {textContent: [photo.note, photo.album].filter(Boolean).join(' · ')}));
  open.append(picture, about);
  const check = button('', 'wall-check', null, `${labels.select}: ${title}`);
  check.tabIndex = -1;
  const similar = button('', 'wall-similar', null, `${labels.similar}: ${title}`);
  similar.title = labels.similar;
  similar.tabIndex = -1;
  tile.append(open, ...(wall.can('select') ? [check] : []), similar);
  if (photo.folded || photo.unfolded) {
    const text = photo.folded ? `+${photo.folded}` : '−';
    const label = photo.folded ? labels.unfold.replace('{count}', photo.folded) : labels.fold;
    tile.append(button(text, 'wall-fold', null, label));
  }
  wall.selection.mark(tile);
  markFavourite(wall, tile);
}

export function markFavourite(wall, tile) {
  tile.classList.toggle('is-favourite', wall.favourites.has(tile.photo?.id));
}

export function putAt({left, top, wide, high}, tile, place) {
  tile.style.transform = `translate(${left[place]}px, ${top[place]}px)`;
  tile.style.width = `${wide[place]}px`;
  tile.style.height = `${high[place]}px`;
}
