// Before anything is searched for: rows of pictures that each lead to a search.

import {element} from './elements.js';

export class Shelves {
  constructor(wall) {
    this.wall = wall;
    this.root = wall.root.appendChild(element('div', 'wall-shelves'));
  }

  show(shelves) {
    const told = JSON.stringify(shelves);
    if (told === this.told) return;
    this.told = told;
    this.root.replaceChildren(...shelves.map(({title, items}) => {
      const section = element('section', 'wall-shelf');
      const list = element('ul');
      list.append(...items.map(item => this.item(item)));
      section.append(element('h2', '', {textContent: title}), list);
      return section;
    }));
  }

  item({text, note, src, query, isRound}) {
    const item = element('li', isRound ? 'is-round' : '');
    const link = element('a', '', {href: `${location.pathname}?${query}`});
    link.append(element('img', '', {alt: '', loading: 'lazy', src: new URL(src, document.baseURI)}),
      element('b', '', {textContent: text}));
    if (note) link.append(element('small', '', {textContent: note}));
    link.addEventListener('click', event => {
      if (event.ctrlKey || event.metaKey) return; // another tab
      event.preventDefault();
      this.wall.go(query);
    });
    item.append(link);
    return item;
  }
}
