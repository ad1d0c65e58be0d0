// The wall: rows of photos through which one scrolls, of which only those near the window exist.

import {isOf, parameter, withParameter} from './address.js';
import {Headings} from './headings.js';
import {Intro} from './intro.js';
import {layOut, between, headingAt} from './rows.js';
import {Photos} from './photos.js';
import {Scrubber} from './scrubber.js';
import {Selection} from './selection.js';
import {dress, markFavourite, putAt} from './tiles.js';
import {Toolbar} from './toolbar.js';
import {listen} from './input.js';
import {Viewer} from './viewer.js';
import {element, button, say} from './elements.js';

const HEIGHTS = {small: 130, medium: 210, large: 320}; // of rows, in CSS pixels
const NARROW = 640; // CSS pixels: on a phone rows are lower
const AROUND = 1; // windows' heights above and below the window in which photos exist
const BAR = 112; // CSS pixels at the top of the window that the page's bar and a heading lie over
const PAUSE = 60; // ms without scrolling, after which what is there is asked for

for (const path of ['../vendor/photoswipe/photoswipe.css', './viewer.css']) {
  document.head.append(element('link', '', {rel: 'stylesheet', href: new URL(path, import.meta.url)}));
}

class Wall {
  constructor(parent) {
    this.root = parent.appendChild(element('div', 'wall'));
    this.intro = new Intro(this);
    this.toolbar = new Toolbar(this);
    this.body = this.root.appendChild(element('div', 'wall-body'));
    this.list = this.body.appendChild(element('div', 'wall-photos', {role: 'list'}));
    this.headings = new Headings(this);
    this.more = this.body.appendChild(button('', 'wall-more', () => this.showLess()));
    this.tiles = new Map();
    this.selection = new Selection(this);
    this.scrubber = new Scrubber(this);
    this.viewer = new Viewer(this);
    this.focused = 0;
    this.gone = new AbortController(); // once the page shows something else
    this.scroller = this.root.closest('[data-testid="stMain"], .wall-scroller') ?? document.scrollingElement;
    this.listen();
  }

  listen() {
    const {signal} = this.gone;
    this.scroller.addEventListener('scroll', () => this.scrolled(), {passive: true, signal});
    new ResizeObserver(() => this.resized()).observe(this.root);
    listen(this);
    this.list.addEventListener('focusin', event => {
      const tile = event.target.closest('.wall-tile');
      if (tile) this.setFocused(tile.place);
    });
    window.addEventListener('popstate', () => this.followAddress(), {signal});
    window.addEventListener('albumscope:address', () => this.followAddress(), {signal});
  }

  // Streamlit calls this at each of its runs.
  show(data, trigger) {
    this.trigger = trigger;
    const isOther = this.data?.results !== data.results;
    const isSearch = this.data?.search !== data.search;
    const isOtherView = this.data?.view !== data.view;
    this.data = data;
    this.labels = data.labels;
    this.favourites = new Set(data.favourites);
    this.intro.show(data);
    this.toolbar.show(data);
    this.body.hidden = data.view !== 'grid';
    if (data.view === 'map') this.map ??= import('./map.js').then(({PhotoMap}) => new PhotoMap(this));
    this.list.setAttribute('aria-label', this.labels.photos);
    if (isOther) this.start(isSearch);
    else if (isOtherView) this.layOut();
    for (const tile of this.tiles.values()) markFavourite(this, tile);
    this.selection.draw();
    this.viewer.marked();
    this.tell(data.news);
    this.map?.then(map => map.show(this.data));
    this.followAddress();
  }

  start(isSearch) {
    const {data} = this;
    this.viewer.close();
    this.selection.anchor = undefined;
    if (isSearch) {
      const isHere = isOf(this.data.search); // else the address of this search is still to come
      this.lessShown = isHere && parameter('unlikely') === 'yes';
      this.returnTo = isHere ? history.state?.place : 0;
      this.focused = 0;
    }
    this.photos = new Photos(data, (name, query) => this.ask(`wall/${name}.json`, query, data),
      (from, to) => this.fill(from, to));
    this.ratios = data.ratios;
    this.sections = data.sections ?? [];
    for (const tile of this.tiles.values()) tile.remove();
    this.tiles.clear();
    const isWhole = data.ratios.length === data.count && data.sections;
    if (isSearch && this.hasShown) this.scroller.scrollTop = 0;
    this.hasShown = true;
    this.layOut();
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

  // What is not told of the photos yet. A web site of files alone has no server: it answers itself.
  async ask(path, query, data = this.data) {
    if (data.answer) return data.answer(path, query);
    const answer = await fetch(this.address(path, {results: data.results, ...query}));
    if (answer.status === 404 && path.startsWith('wall/')) this.searchAgain();
    if (!answer.ok) throw new Error(await answer.text());
    return answer.json();
  }

  // Whether something can be done with photos here: "select", "favourite", "crop", "download".
  can = name => !this.data?.without?.includes(name);

  address(path, query = {}) {
    const [before, signed = ''] = this.data.addresses[path].split('?');
    const asked = new URLSearchParams({...query, language: this.data.language});
    return new URL(`${before}?${signed && `${signed}&`}${asked}`, document.baseURI);
  }

  layOut() {
    const room = this.root.clientWidth;
    if (!this.ratios || room <= 0) return;
    const {labels, data: {less, lessRatios, count}} = this;
    const rowHeight = Math.min(HEIGHTS[this.toolbar.density], room < NARROW ? room / 2.6 : Infinity);
    const width = room - this.scrubber.takes(room, rowHeight);
    this.laidRoom = room;
    const known = this.ratios.length, isWhole = known === count;
    const hasLess = isWhole && this.showsLess && less.length > 0;
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
    this.more.hidden = !isWhole || !less.length || !count;
    this.more.textContent = this.lessShown ? labels.showLess : labels.less;
    this.more.setAttribute('aria-expanded', Boolean(this.lessShown));
    this.headings.forget();
    this.draw(true);
    this.scrubber.draw();
    if (isWhole && this.returnTo) {
      this.scrollTo(this.returnTo);
      this.returnTo = 0;
    }
  }

  // A step back leads to where one was on the wall.
  rememberPlace() {
    if (this.returnTo || this.viewer.isOpen || !isOf(this.data.search)) return;
    history.replaceState({...history.state, place: this.placeAtTop()}, '');
  }

  count = () => this.boxes?.count ?? 0;

  /** Where nothing surely matches, the nearest are there without a click. */
  get showsLess() { return this.lessShown || !this.data.count; }

  showLess() {
    this.lessShown = !this.lessShown;
    history.replaceState(history.state, '', withParameter('unlikely', this.lessShown && 'yes'));
    this.layOut();
  }

  resized() {
    if (Math.abs(this.root.clientWidth - this.laidRoom) < 1) return;
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
    return between(this.boxes, this.scroller.scrollTop + BAR - this.offset(), Infinity)[0];
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
    const start = top - AROUND * window, end = top + (1 + AROUND) * window;
    const [from, to] = between(boxes, start, end);
    this.headings.draw(start, end);
    for (const [place, tile] of this.tiles) {
      const isAway = place < from || place >= to;
      if (isAway && (place >= boxes.count || !tile.contains(document.activeElement))) {
        tile.querySelector('img')?.removeAttribute('src'); // what is still on its way is not needed
        tile.remove();
        this.tiles.delete(place);
      } else if (anew) putAt(boxes, tile, place);
    }
    for (let place = from; place < to; place++) {
      if (!this.tiles.has(place)) this.add(place);
    }
    if (this.photos) {
      clearTimeout(this.waiting);
      this.waiting = setTimeout(() => {
        this.photos.want(from, to);
        this.rememberPlace();
      }, this.tiles.size ? PAUSE : 0);
    }
    if (!this.tiles.has(this.focused)) this.setFocused(from);
  }

  add(place) {
    const tile = element('div', 'wall-tile', {role: 'listitem'});
    tile.place = place;
    tile.setAttribute('aria-posinset', place + 1);
    tile.setAttribute('aria-setsize', this.data.count + (this.showsLess ? this.data.less.length : 0));
    tile.classList.toggle('is-less', place >= this.data.count);
    putAt(this.boxes, tile, place);
    // Whoever goes through the wall with a keyboard or a screen reader goes in its order.
    let next = null;
    for (const [other, there] of this.tiles) {
      if (other > place && (!next || other < next.place)) next = there;
    }
    this.list.insertBefore(tile, next);
    this.tiles.set(place, tile);
    const photo = this.photos?.at(place);
    if (photo) dress(this, tile, photo);
  }

  fill(from, to) {
    for (let place = from; place < to; place++) {
      const tile = this.tiles.get(place);
      if (tile && !tile.photo) dress(this, tile, this.photos.at(place));
    }
    this.viewer.loaded(from, to);
  }

  setFocused(place) {
    const before = this.tiles.get(this.focused)?.querySelector('.wall-open');
    if (before) before.tabIndex = -1;
    this.focused = place;
    const now = this.tiles.get(place)?.querySelector('.wall-open');
    if (now) now.tabIndex = 0;
  }

  scrollTo(place, block = 'start') {
    if (!this.boxes || this.body.hidden || place >= this.boxes.count) return;
    const top = this.offset() + this.boxes.top[place];
    const bottom = top + this.boxes.high[place], {scroller} = this;
    if (block === 'start') scroller.scrollTop = top - BAR;
    else if (top < scroller.scrollTop + BAR) scroller.scrollTop = top - BAR;
    else if (bottom > scroller.scrollTop + scroller.clientHeight - BAR) {
      scroller.scrollTop = bottom - scroller.clientHeight + BAR;
    }
    this.draw();
  }

  async focus(place) {
    if (this.body.hidden) return (await this.map)?.focus();
    this.scrollTo(place, 'nearest');
    await this.photos.whenKnown(place);
    this.setFocused(place);
    this.tiles.get(place)?.querySelector('.wall-open')?.focus({preventScroll: true});
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

  // The map of all, around one place.
  showMap(center) {
    this.viewer.leave();
    this.mapAt = center;
    this.trigger('view', 'map');
  }

  // What was just done to photos, and the way back.
  tell(news) {
    if (!news || news.number === this.told) return;
    this.told = news.number;
    if (this.viewer.isOpen) this.viewer.changed(); // its tags may be others
    say(news.text, news.canUndo && this.labels.undo, () => this.trigger('undo', news.number));
  }

  // The page shows something else.
  leave() {
    this.gone.abort();
    this.viewer.close();
  }

  favourite(ids) {
    if (this.can('favourite')) this.mark(ids.every(id => this.favourites.has(id)) ? 'unfavourite' : 'favourite', ids);
  }

  // Make photos favourites ("favourite", "unfavourite"), tag or hide them.
  mark(action, ids, tag = '') {
    this.trigger('mark', {action, ids, tag});
  }

  searchAgain() {
    if (this.wanted === this.data.results) return;
    this.wanted = this.data.results;
    this.trigger('again', Date.now());
  }

  headingOf = place => this.boxes && headingAt(this.boxes, place);

  // The address says which photo is open; it may be for a search that is still to come.
  async followAddress() {
    if (!this.data || !isOf(this.data.search)) return;
    const id = parameter('photo');
    if (!/^\d+$/.test(id ?? '')) return this.viewer.close();
    if (this.viewer.id === id) return;
    const place = await this.photos.placeOf(id);
    this.viewer.open(place ?? -1, id);
  }
}

const walls = new WeakMap();
export function show({parentElement, data, setTriggerValue}) {
  let wall = walls.get(parentElement);
  if (!wall || wall.gone.signal.aborted) {
    parentElement.querySelector('.wall')?.remove();
    walls.set(parentElement, wall = new Wall(parentElement));
  }
  wall.show(data, setTriggerValue);
}

export function leave({parentElement}) {
  const wall = walls.get(parentElement);
  if (wall && !wall.root.isConnected) wall.leave();
}
