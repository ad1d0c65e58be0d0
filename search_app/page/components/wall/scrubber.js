// At the side of a long wall: where one is in it, by date, album or rank, and the way elsewhere.

import {element} from './elements.js';

const LABEL = 22; // CSS pixels that a label needs
const REST = 1200; // ms after scrolling in which it says where one is

export class Scrubber {
  constructor(wall) {
    this.wall = wall;
    this.root = wall.root.appendChild(element('div', 'wall-scrubber', {role: 'slider', tabIndex: 0}));
    this.root.setAttribute('aria-orientation', 'vertical');
    this.labels = this.root.appendChild(element('div', 'wall-years', {ariaHidden: true}));
    this.mark = this.root.appendChild(element('div', 'wall-mark', {ariaHidden: true}));
    this.root.addEventListener('pointerdown', event => {
      this.root.setPointerCapture(event.pointerId);
      this.isDragged = true;
      this.drag(event);
    });
    this.root.addEventListener('pointermove', event => this.isDragged && this.drag(event));
    for (const name of ['pointerup', 'pointercancel']) {
      this.root.addEventListener(name, () => {
        this.isDragged = false;
        this.root.classList.remove('is-dragged');
      });
    }
    this.root.addEventListener('keydown', event => this.key(event));
  }

  draw() {
    const {boxes, scroller, labels, data} = this.wall;
    this.root.hidden = this.wall.body.hidden || boxes.height < 4 * scroller.clientHeight || data.count < 2;
    this.root.setAttribute('aria-label', labels.scrubber);
    this.root.setAttribute('aria-valuemin', 1);
    this.root.setAttribute('aria-valuemax', boxes.count);
    if (this.root.hidden) return;
    const height = this.root.clientHeight;
    let before = -LABEL, last = null;
    const shown = [];
    for (const {short, top} of boxes.headings) {
      const y = top / boxes.height * height;
      if (!short || short === last || y - before < LABEL) continue;
      [before, last] = [y, short];
      const label = element('span', '', {textContent: short, title: short});
      label.style.top = `${y}px`;
      shown.push(label);
    }
    this.labels.replaceChildren(...shown);
    this.follow();
  }

  follow() {
    if (this.root.hidden) return;
    const {boxes, scroller} = this.wall;
    const place = Math.min(this.wall.placeAtTop(), boxes.count - 1);
    const share = (scroller.scrollTop - this.wall.offset())
      / Math.max(1, boxes.height - scroller.clientHeight);
    this.mark.style.top = `${100 * Math.min(Math.max(share, 0), 1)}%`;
    const text = this.textOf(place);
    this.mark.textContent = text;
    this.root.classList.toggle('is-moving', ![undefined, scroller.scrollTop].includes(this.before));
    this.before = scroller.scrollTop;
    clearTimeout(this.rest);
    this.rest = setTimeout(() => this.root.classList.remove('is-moving'), REST);
    this.root.setAttribute('aria-valuenow', place + 1);
    this.root.setAttribute('aria-valuetext', text);
  }

  textOf(place) {
    const {labels, data} = this.wall;
    const number = value => value.toLocaleString(data.language);
    return this.wall.headingOf(place)?.label
      ?? labels.placeOf.replace('{place}', number(place + 1)).replace('{count}', number(data.count));
  }

  drag(event) {
    this.root.classList.add('is-dragged');
    const {top, height} = this.root.getBoundingClientRect();
    const share = Math.min(Math.max((event.clientY - top) / height, 0), 1);
    const {boxes, scroller} = this.wall;
    scroller.scrollTop = this.wall.offset() + share * (boxes.height - scroller.clientHeight);
  }

  // From heading to heading, or by windows where there are none.
  key(event) {
    const {boxes, scroller} = this.wall;
    const direction = {ArrowUp: -1, ArrowLeft: -1, PageUp: -1, ArrowDown: 1, ArrowRight: 1, PageDown: 1}[event.key];
    if (event.key === 'Home') this.wall.scrollTo(0);
    else if (event.key === 'End') this.wall.scrollTo(boxes.count - 1);
    else if (!direction) return;
    else if (boxes.headings.length > 1) {
      const now = boxes.headings.indexOf(this.wall.headingOf(this.wall.placeAtTop()));
      const next = boxes.headings[Math.min(Math.max(now + direction, 0), boxes.headings.length - 1)];
      this.wall.scrollTo(next.at);
    } else scroller.scrollTop += direction * scroller.clientHeight;
    event.preventDefault();
    event.stopPropagation();
  }
}
