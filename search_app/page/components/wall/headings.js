// The headings of the wall: each stays in sight as long as photos of its section are.

import {button, element} from './elements.js';

export class Headings {
  constructor(wall) {
    this.wall = wall;
    this.root = wall.body.appendChild(element('div', 'wall-headings'));
    this.shown = new Map();
  }

  forget() {
    this.root.replaceChildren();
    this.shown.clear();
  }

  // Those of the sections that lie between two heights.
  draw(top, bottom) {
    for (const [heading, section] of this.shown) {
      if (isBetween(heading, top, bottom) || section.contains(document.activeElement)) continue;
      section.remove();
      this.shown.delete(heading);
    }
    for (const heading of this.wall.boxes.headings) {
      if (isBetween(heading, top, bottom) && !this.shown.has(heading)) this.add(heading);
    }
  }

  add(heading) {
    const {wall} = this, {at, end, label, top, bottom} = heading;
    const section = element('div', 'wall-section'), row = element('div', 'wall-heading');
    section.style.top = `${top}px`;
    section.style.height = `${bottom - top}px`;
    const check = button('', 'wall-check', () => wall.selection.toggleAll(at, end),
      `${wall.labels.selectAllOf}: ${label}`);
    row.append(...(wall.can('select') ? [check] : []), element('h3', '', {textContent: label}));
    section.append(row);
    this.shown.set(heading, this.root.appendChild(section));
  }
}

const isBetween = (heading, top, bottom) => heading.bottom > top && heading.top < bottom;
