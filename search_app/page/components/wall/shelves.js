// Before anything is searched for: how the library is, and rows of pictures and words that each lead
// to a search.

import {blur} from './blurred.js';
import {button, element, linkTo} from './elements.js';

export class Shelves {
  constructor(wall) {
    this.wall = wall;
  }

  draw({library, shelves}) {
    const line = element('p', 'wall-library');
    line.append(element('a', '', {href: new URL(library.href, document.baseURI), textContent: library.text}));
    const drawn = shelves.map(shelf => this.shelf(shelf));
    return [line, this.ways(shelves, drawn), ...drawn];
  }

  // On a phone the photos come first: of the shelves there is a line of names, and one opens at a time.
  ways(shelves, drawn) {
    const ways = element('div', 'wall-ways');
    const open = chosen => drawn.forEach((shelf, at) => {
      const isOpen = shelf.classList.toggle('is-open', at === chosen && !shelf.classList.contains('is-open'));
      ways.children[at].setAttribute('aria-expanded', isOpen);
    });
    ways.append(...shelves.map(({title}, at) => button(title, '', () => open(at))));
    open();
    return ways;
  }

  shelf({title, items, rows}) {
    const section = element('section', 'wall-shelf');
    section.append(element('h2', '', {textContent: title}));
    if (items) section.append(this.list(items, item => this.picture(item)));
    for (const row of rows ?? []) {
      const line = section.appendChild(element('div', 'wall-words'));
      if (row.label) line.append(element('h3', '', {textContent: row.label}));
      line.append(this.list(row.items, item => this.word(item)));
    }
    return section;
  }

  list(items, draw) {
    const list = element('ul');
    list.append(...items.map(item => {
      const made = element('li', item.isRound ? 'is-round' : '');
      made.append(draw(item));
      if (item.forget) made.append(button('', 'wall-forget', () => this.wall.trigger('forget', item.forget), item.label));
      return made;
    }));
    return list;
  }

  picture({text, note, src, thumbhash, query}) {
    const link = this.link(query);
    const picture = src ? element('img', '', {alt: '', loading: 'lazy', src: new URL(src, document.baseURI)})
      : element('span', 'wall-letter', {textContent: [...text][0], ariaHidden: true});
    blur(picture, {thumbhash});
    link.append(picture, element('b', '', {textContent: text}));
    if (note) link.append(element('small', '', {textContent: note}));
    return link;
  }

  word({text, note, query}) {
    const link = this.link(query, text);
    if (note) link.append(' ', element('small', '', {textContent: note}));
    return link;
  }

  link(query, text = '') {
    return linkTo(query, text, () => this.wall.go(query));
  }
}
