// The wall: rows of photos through which one scrolls, of which only those near the window exist.

import {layOut, between, headingAt} from './rows.js';
import {Photos} from './photos.js';
import {Scrubber} from './scrubber.js';
import {Selection} from './selection.js';
import {Toolbar} from './toolbar.js';
import {showKeys} from './keys.js';
import {Viewer} from './viewer.js';
import {element, button} from './elements.js';

const HEIGHTS = {small: 130, medium: 210, large: 320}; // of rows, in CSS pixels
const NARROW = 640; // CSS pixels: on a phone rows are lower
const AROUND = 1; // windows' heights above and below the window in which photos exist
const PAUSE = 60; // ms without scrolling, after which what is there is asked for
const LONG_PRESS = 450; // ms
const withoutPhoto = query => {
  const parameters = new URLSearchParams(query);
  for (const name of ['photo', 'unlikely']) parameters.delete(name);
  return parameters.toString();
};

for (const path of ['../vendor/photoswipe/photoswipe.css', './viewer.css']) {
  document.head.append(element('link', '', {rel: 'stylesheet', href: new URL(path, import.meta.url)}));
}

class Wall {
  constructor(parent) {
    this.root = parent.appendChild(element('div', 'wall'));
    this.toolbar = new Toolbar(this);
    this.body = this.root.appendChild(element('div', 'wall-body'));
    this.list = this.body.appendChild(element('div', 'wall-photos', {role: 'list'}));
    this.headings = this.body.appendChild(element('div', 'wall-headings'));
    this.more = this.body.appendChild(button('', 'wall-more', () => this.showLess()));
    this.tiles = new Map();
    this.selection = new Selection(this);
    this.scrubber = new Scrubber(this);
    this.viewer = new Viewer(this);
    this.focused = 0;
    this.scroller = this.root.closest('[data-testid="stMain"]') ?? document.scrollingElement;
    this.listen();
  }

  listen() {
    this.scroller.addEventListener('scroll', () => this.scrolled(), {passive: true});
    new ResizeObserver(() => this.resized()).observe(this.root);
    this.list.addEventListener('click', event => this.clicked(event));
    this.list.addEventListener('pointerdown', event => this.pressed(event));
    this.list.addEventListener('contextmenu', event => this.pressedLong && event.preventDefault());
    this.list.addEventListener('focusin', event => {
      const tile = event.target.closest('.wall-tile');
      if (tile) this.setFocused(tile.place);
    });
    const whenShown = act => event => this.root.isConnected && act(event);
    document.addEventListener('keydown', whenShown(event => this.key(event)));
    window.addEventListener('popstate', whenShown(() => this.followAddress()));
    window.addEventListener('albumscope:address', whenShown(() => this.followAddress()));
  }

  // Streamlit calls this at each of its runs.
  show(data, trigger) {
    this.trigger = trigger;
    const isOther = this.data?.results !== data.results;
    const isSearch = this.data?.search !== data.search;
    const isOtherView = this.data?.view !== data.view;
    this.data = data;
    this.labels = data.labels;
    this.toolbar.show(data);
    this.body.hidden = data.view !== 'grid';
    this.list.setAttribute('aria-label', data.labels.photos);
    if (isOther) this.start(isSearch);
    else if (isOtherView) this.layOut();
    this.selection.draw();
    this.followAddress();
  }

  start(isSearch) {
    const {data} = this;
    this.viewer.close();
    if (isSearch) {
      this.lessShown = new URLSearchParams(location.search).get('unlikely') === 'yes';
      this.focused = 0;
    }
    this.photos = new Photos(data, (name, query) => this.address(`wall/${name}.json`, query), {
      loaded: (from, to) => this.fill(from, to),
      gone: () => this.searchAgain(),
    });
    this.ratios = data.ratios;
    this.sections = data.sections ?? [];
    for (const tile of this.tiles.values()) tile.remove();
    this.tiles.clear();
    const isWhole = data.ratios.length === data.count && data.sections;
    this.layOut();
    if (isSearch && this.hasShown && this.scroller.scrollTop > this.offset()) {
      this.scroller.scrollTo({top: 0});
    }
    this.hasShown = true;
    if (!isWhole) this.askLayout();
  }

  // The first photos are painted before the shape of all is known.
  async askLayout() {
    const {photos} = this;
    const layout = await photos.fetch('layout').catch(() => null);
    if (!layout || photos !== this.photos) return;
    this.ratios = layout.ratios;
    this.sections = layout.sections;
    this.layOut();
  }

  address(path, query = {}) {
    const [before, signed = ''] = this.data.addresses[path].split('?');
    const parameters = new URLSearchParams({...query, language: this.data.language});
    return new URL(`${before}?${signed ? `${signed}&` : ''}${parameters}`, document.baseURI);
  }

  layOut() {
    const width = this.root.clientWidth;
    if (!this.ratios || width <= 0) return;
    const {labels, data: {less, lessRatios, count}} = this;
    const rowHeight = Math.min(HEIGHTS[this.toolbar.density], width < NARROW ? width / 2.6 : Infinity);
    this.laidWidth = width;
    const known = this.ratios.length;
    const isWhole = known === count;
    const hasLess = isWhole && this.lessShown && less.length > 0;
    const ratios = hasLess ? [...this.ratios, ...lessRatios] : this.ratios;
    let sections = this.sections.filter(([at]) => at < known);
    if (hasLess) {
      if (!sections.length && count) sections = [[0]];
      sections = [...sections, [count, labels.less, labels.less]];
    }
    this.boxes = layOut(ratios, sections, width, rowHeight);
    // until all is known, as high as it will be, more or less
    const height = isWhole ? this.boxes.height : this.boxes.height * count / Math.max(1, known);
    this.list.style.height = `${height}px`;
    this.root.style.setProperty('--wall-width', `${width}px`);
    this.more.hidden = !isWhole || !less.length;
    this.more.textContent = this.lessShown ? labels.showLess : labels.less;
    this.more.setAttribute('aria-expanded', Boolean(this.lessShown));
    this.drawHeadings();
    this.draw(true);
    this.scrubber.draw();
  }

  count() {
    return this.boxes?.count ?? 0;
  }

  showLess() {
    this.lessShown = !this.lessShown;
    const parameters = new URLSearchParams(location.search);
    if (this.lessShown) parameters.set('unlikely', 'yes');
    else parameters.delete('unlikely');
    history.replaceState(history.state, '', `${location.pathname}?${parameters}`);
    this.layOut();
  }

  resized() {
    const width = this.root.clientWidth;
    if (Math.abs(width - this.laidWidth) < 1) return;
    const place = this.boxes && this.placeAtTop();
    this.layOut();
    if (place > 0) this.scrollTo(place);
  }

  // How far the wall is below the top of what is scrolled.
  offset() {
    return this.body.getBoundingClientRect().top - this.scroller.getBoundingClientRect().top
      + this.scroller.scrollTop;
  }

  placeAtTop() {
    return between(this.boxes, this.scroller.scrollTop - this.offset(), Infinity)[0];
  }

  scrolled() {
    if (!this.boxes || !this.root.isConnected || this.body.hidden) return;
    if (!this.frame) {
      this.frame = requestAnimationFrame(() => {
        this.frame = null;
        this.draw();
        this.scrubber.follow();
      });
    }
  }

  draw(anew = false) {
    const {boxes, scroller} = this;
    const offset = this.offset(), window = scroller.clientHeight;
    const top = scroller.scrollTop - offset;
    const [from, to] = between(boxes, top - AROUND * window, top + (1 + AROUND) * window);
    for (const [place, tile] of this.tiles) {
      const isAway = place < from || place >= to;
      if (isAway && (place >= boxes.count || !tile.contains(document.activeElement))) {
        tile.querySelector('img')?.removeAttribute('src'); // what is still on its way is not needed
        tile.remove();
        this.tiles.delete(place);
      } else if (anew) this.putAt(tile, place);
    }
    for (let place = from; place < to; place++) {
      if (!this.tiles.has(place)) this.add(place);
    }
    if (this.photos) {
      clearTimeout(this.waiting);
      this.waiting = setTimeout(() => this.photos.want(from, to), this.tiles.size ? PAUSE : 0);
    }
    if (!this.tiles.has(this.focused)) this.setFocused(from);
  }

  add(place) {
    const tile = element('div', 'wall-tile', {role: 'listitem'});
    tile.place = place;
    tile.setAttribute('aria-posinset', place + 1);
    tile.setAttribute('aria-setsize', this.data.count + (this.lessShown ? this.data.less.length : 0));
    tile.classList.toggle('is-less', place >= this.data.count);
    this.putAt(tile, place);
    // Whoever goes through the wall with a keyboard or a screen reader goes in its order.
    let next = null;
    for (const [other, there] of this.tiles) {
      if (other > place && (!next || other < next.place)) next = there;
    }
    this.list.insertBefore(tile, next);
    this.tiles.set(place, tile);
    const photo = this.photos?.at(place);
    if (photo) this.dress(tile, photo);
  }

  putAt(tile, place) {
    const {left, top, wide, high} = this.boxes;
    tile.style.transform = `translate(${left[place]}px, ${top[place]}px)`;
    tile.style.width = `${wide[place]}px`;
    tile.style.height = `${high[place]}px`;
  }

  fill(from, to) {
    for (let place = from; place < to; place++) {
      const tile = this.tiles.get(place);
      if (tile && !tile.photo) this.dress(tile, this.photos.at(place));
    }
    this.viewer.loaded(from, to);
  }

  dress(tile, photo) {
    const {labels} = this;
    tile.photo = photo;
    const title = photo.title || labels.untitled;
    const open = element('a', 'wall-open', {href: this.addressOf(photo.id)});
    open.tabIndex = tile.place === this.focused ? 0 : -1;
    open.setAttribute('aria-label', [title, photo.note, photo.album].filter(Boolean).join(' · '));
    const picture = element('img', '', {alt: '', decoding: 'async', draggable: false});
    picture.addEventListener('load', () => tile.classList.add('is-there'));
    picture.src = photo.src;
    const about = element('span', 'wall-about', {ariaHidden: true});
    about.append(element('b', '', {textContent: title}),
      element('small', '', {textContent: [photo.note, photo.album].filter(Boolean).join(' · ')}));
    open.append(picture, about);
    const check = button('', 'wall-check', null, `${labels.select}: ${title}`);
    check.tabIndex = -1;
    const similar = button('', 'wall-similar', null, `${labels.similar}: ${title}`);
    similar.title = labels.similar;
    similar.tabIndex = -1;
    tile.append(open, check, similar);
    if (photo.folded || photo.unfolded) {
      const text = photo.folded ? `+${photo.folded}` : '−';
      const label = photo.folded ? labels.unfold.replace('{count}', photo.folded) : labels.fold;
      tile.append(button(text, 'wall-fold', null, label));
    }
    this.selection.mark(tile);
  }

  addressOf(id) {
    const parameters = new URLSearchParams(location.search);
    parameters.set('photo', id);
    return `${location.pathname}?${parameters}`;
  }

  drawHeadings() {
    this.headings.replaceChildren(...this.boxes.headings.map(heading => {
      const row = element('div', 'wall-heading');
      row.style.transform = `translateY(${heading.top}px)`;
      const check = button('', 'wall-check', () => this.selection.toggleAll(heading.at, heading.end),
        `${this.labels.selectAllOf}: ${heading.label}`);
      row.append(check, element('h3', '', {textContent: heading.label}));
      return row;
    }));
  }

  setFocused(place) {
    const before = this.tiles.get(this.focused)?.querySelector('.wall-open');
    if (before) before.tabIndex = -1;
    this.focused = place;
    const now = this.tiles.get(place)?.querySelector('.wall-open');
    if (now) now.tabIndex = 0;
  }

  scrollTo(place, block = 'start') {
    if (!this.boxes || place >= this.boxes.count) return;
    const top = this.offset() + this.boxes.top[place];
    const bottom = top + this.boxes.high[place], {scroller} = this;
    const bar = 96; // what lies over the photos above and below
    if (block === 'start') scroller.scrollTop = top - bar;
    else if (top < scroller.scrollTop + bar) scroller.scrollTop = top - bar;
    else if (bottom > scroller.scrollTop + scroller.clientHeight - bar) {
      scroller.scrollTop = bottom - scroller.clientHeight + bar;
    }
    this.draw();
  }

  async focus(place) {
    this.scrollTo(place, 'nearest');
    await this.photos.whenKnown(place);
    this.setFocused(place);
    this.tiles.get(place)?.querySelector('.wall-open')?.focus({preventScroll: true});
  }

  clicked(event) {
    const tile = event.target.closest('.wall-tile');
    if (!tile?.photo) return;
    if (event.target.closest('.wall-similar')) return this.similar(tile.photo.id);
    if (event.target.closest('.wall-fold')) return this.trigger('unfold', tile.photo.id);
    const isOpen = event.target.closest('.wall-open');
    if (isOpen && (event.ctrlKey || event.metaKey)) return; // another tab
    event.preventDefault();
    if (this.pressedLong) {
      this.pressedLong = false;
    } else if (!isOpen || this.selection.size || event.shiftKey) {
      this.selection.choose(tile.place, event.shiftKey);
    } else this.viewer.open(tile.place);
  }

  // A finger that stays selects; a mouse that goes on from a tick selects what it goes over.
  pressed(event) {
    const tile = event.target.closest('.wall-tile');
    if (!tile?.photo) return;
    if (event.pointerType === 'mouse') {
      if (event.button === 0 && event.target.closest('.wall-check')) this.selection.drag(tile.place);
      return;
    }
    this.pressedLong = false;
    const timer = setTimeout(() => {
      this.pressedLong = true;
      this.selection.choose(tile.place, false);
    }, LONG_PRESS);
    for (const name of ['pointerup', 'pointercancel', 'pointermove']) {
      this.list.addEventListener(name, ({movementX = 0, movementY = 0}) => {
        if (name !== 'pointermove' || Math.hypot(movementX, movementY) > 4) clearTimeout(timer);
      }, {once: name !== 'pointermove', signal: AbortSignal.timeout(LONG_PRESS)});
    }
  }

  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
    const target = event.composedPath()[0];
    const TAKES_KEYS = 'input, textarea, select, [contenteditable], [role="combobox"], [role="slider"],'
      + ' [role="listbox"], [role="radio"], [role="menu"], [role="dialog"]';
    if (this.viewer.isOpen || target.closest?.(TAKES_KEYS)) return;
    if (event.key !== '?' && (!this.count() || this.body.hidden)) return;
    const here = target.closest?.('.wall-tile')?.place;
    const act = {
      ArrowLeft: () => this.focus(Math.max(0, (here ?? 1) - 1)),
      ArrowRight: () => this.focus(Math.min(this.count() - 1, (here ?? -1) + 1)),
      ArrowUp: () => this.focus(here === undefined ? 0 : this.beyond(here, -1)),
      ArrowDown: () => this.focus(here === undefined ? 0 : this.beyond(here, 1)),
      s: () => here !== undefined && this.similar(this.photos.at(here).id),
      x: () => here !== undefined && this.selection.choose(here, false),
      '?': () => showKeys(this.labels),
      Escape: () => this.selection.size && this.selection.clear(),
    }[event.key];
    if (!act) return;
    if (act() !== false) event.preventDefault();
  }

  // The photo above or below another, nearest to its middle.
  beyond(place, direction) {
    const {top, left, wide, count} = this.boxes;
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

  similar(id) {
    this.searchWith(`photo:${id}`);
  }

  // Search by a photo or a part of one, with the filters that there are.
  searchWith(term) {
    this.viewer.leave();
    this.trigger('similar', term);
  }

  // Search for something else.
  go(query) {
    this.viewer.leave();
    this.trigger('go', query);
  }

  // A word that goes by itself.
  say(text) {
    const said = document.body.appendChild(element('div', 'wall-said', {role: 'status', textContent: text}));
    setTimeout(() => said.remove(), 5000);
  }

  searchAgain() {
    if (this.wanted === this.data.results) return;
    this.wanted = this.data.results;
    this.trigger('again', Date.now());
  }

  headingOf(place) {
    return this.boxes && headingAt(this.boxes, place);
  }

  // The address says which photo is open; it may be for a search that is still to come.
  async followAddress() {
    if (!this.data || withoutPhoto(location.search) !== withoutPhoto(this.data.search)) return;
    const id = new URLSearchParams(location.search).get('photo');
    if (!id) return this.viewer.close();
    if (this.viewer.id === id) return;
    const place = await this.photos.placeOf(id);
    this.viewer.open(place ?? -1, id);
  }
}

const walls = new WeakMap();

export default function({parentElement, data, setTriggerValue}) {
  let wall = walls.get(parentElement);
  if (!wall) walls.set(parentElement, wall = new Wall(parentElement));
  wall.show(data, setTriggerValue);
}
