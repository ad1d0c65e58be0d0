// At the side of a long wall: where one is in it, by date, album or rank, and the way elsewhere.

import {element} from './elements.js';

const LABEL = 22; // CSS pixels that a label needs
const APART = 90; // CSS pixels between labels, or more, where they are numbers
const LONG = 4; // windows' heights from which on a wall has it
const SQUARE = 1.4; // as wide as high is a photo in the middle
const GUTTER = 36; // CSS pixels beside the photos; on a phone it lies over them
const NARROW = 640;
const TOP = 72, LEAST = 200; // CSS pixels of the window above it, and that it needs
const REST = 1500; // ms after scrolling in which it says where one is

export class Scrubber {
  constructor(wall) {
    this.wall = wall;
    this.root = wall.root.appendChild(element('div', 'wall-scrubber', {role: 'slider', tabIndex: 0}));
    this.root.setAttribute('aria-orientation', 'vertical');
    this.labels = this.root.appendChild(element('div', 'wall-years', {ariaHidden: true}));
    this.mark = this.root.appendChild(element('div', 'wall-mark', {ariaHidden: true}));
    this.text = this.mark.appendChild(element('span'));
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

  // How much of the wall's room it takes, which is known before the photos are laid out.
  takes(room, rowHeight) {
    const {scroller, data: {count}} = this.wall;
    this.isLong = count * SQUARE * rowHeight ** 2 / room > LONG * scroller.clientHeight;
    return this.isLong && window.innerWidth > NARROW ? GUTTER : 0;
  }

  draw() {
    const {body, boxes, labels} = this.wall;
    this.root.hidden = body.hidden || !this.isLong;
    this.root.setAttribute('aria-label', labels.scrubber);
    this.root.setAttribute('aria-valuemin', 1);
    this.root.setAttribute('aria-valuemax', boxes.count);
    if (this.root.hidden) return;
    this.fit();
    const height = this.root.clientHeight;
    let before = -LABEL, last = null;
    const shown = [];
    for (const [text, top] of this.steps(height)) {
      const y = top / boxes.height * height;
      if (!text || text === last || y - before < LABEL) continue;
      [before, last] = [y, text];
      const label = element('span', '', {textContent: text, title: text});
      label.style.top = `${100 * y / height}%`;
      shown.push(label);
    }
    this.labels.replaceChildren(...shown);
    this.follow();
  }

  // What it is labelled with, each with a height of the wall: years, else round numbers of photos.
  steps(height) {
    const {boxes, data: {count, language}} = this.wall;
    if (boxes.headings.some(({short}) => short)) return boxes.headings.map(({short, top}) => [short, top]);
    if (boxes.count < count) return []; // where they lie is still to come
    const least = count * APART / height, power = 10 ** Math.floor(Math.log10(least));
    const step = Math.ceil([1, 2, 5, 10].find(each => each * power >= least) * power);
    return Array.from({length: Math.floor(count / step) + 1}, (_, number) => Math.max(1, number * step)).map(
      place => [place.toLocaleString(language, {notation: 'compact'}), boxes.top[place - 1]]);
  }

  // It is beside the photos alone.
  fit() {
    const top = Math.max(TOP, this.wall.body.getBoundingClientRect().top);
    this.root.style.top = `${top}px`;
    this.root.style.visibility = window.innerHeight - top < LEAST ? 'hidden' : '';
  }

  follow() {
    if (this.root.hidden) return;
    this.fit();
    const {boxes, scroller} = this.wall;
    const place = Math.min(this.wall.placeAtTop(), boxes.count - 1);
    const share = (scroller.scrollTop - this.wall.offset())
      / Math.max(1, boxes.height - scroller.clientHeight);
    const percent = 100 * Math.min(Math.max(share, 0), 1);
    this.mark.style.top = `${percent}%`;
    this.mark.style.transform = `translateY(-${percent}%)`; // whole at both ends
    const text = this.textOf(place);
    this.text.textContent = text;
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
