// One photo at a time, over the whole window: zoom, neighbours, a panel that tells of it.

import PhotoSwipe from '../vendor/photoswipe/photoswipe.esm.min.js';
import {Cropper} from './cropper.js';
import {blur} from './blurred.js';
import {parameter, withParameter} from './address.js';
import {Panel} from './panel.js';
import {element, say} from './elements.js';
import {strokes} from './icons.js';
import {showKeys} from './keys.js';

const LARGE = [1600, 1200]; // pixels, within which a large picture is made
const SLIDE = 4000; // ms of a slideshow
const PANEL = 360; // CSS pixels beside the photo, where there is room
const WIDE = 900;
const SWIPE = 60; // CSS pixels
const SVG = 'http://www.w3.org/2000/svg';

export class Viewer {
  constructor(wall) {
    this.wall = wall;
  }

  get isOpen() {
    return Boolean(this.pswp);
  }

  get id() {
    return this.isOpen ? this.wanted ?? this.photoAt(this.pswp.currIndex)?.id : null;
  }

  // The photo at a place of the wall; at -1 one that is not among what was found.
  async open(place, id) {
    const {wall} = this;
    if (this.isOpen) {
      if (place >= 0) this.pswp.goTo(place);
      return;
    }
    this.wanted = id ?? wall.photos.at(place)?.id;
    this.alone = null;
    if (place < 0) {
      const about = await this.askAbout(id).catch(() => null);
      if (!about) return this.forget(wall.labels.notThere);
      this.alone = {id, title: about.title, src: about.src, large: about.large, ratio: about.ratio, thumbhash: about.thumbhash};
    } else await wall.photos.whenKnown(place);
    if (this.isOpen || (place >= wall.count() && !this.alone)) return;
    this.begin(place);
  }

  begin(place) {
    const {wall, alone} = this, {labels} = wall;
    const pswp = this.pswp = new PhotoSwipe({
      index: alone ? 0 : place, loop: false, bgOpacity: 1, wheelToZoom: true, preload: [1, 2],
      escKey: false, arrowKeys: true, returnFocus: false, clickToCloseNonZoomable: false,
      tapAction: 'toggle-controls', bgClickAction: 'none', maxZoomLevel: 4,
      mainClass: 'albumscope-viewer', zoom: true, showAnimationDuration: 200, hideAnimationDuration: 200,
      closeTitle: labels.close, zoomTitle: labels.zoom, arrowPrevTitle: labels.previous,
      arrowNextTitle: labels.next, errorMsg: labels.noPicture, counter: false,
      paddingFn: ({y}) => this.room(y),
    });
    pswp.addFilter('numItems', () => (alone ? 1 : wall.count()));
    pswp.addFilter('itemData', (_, at) => this.slide(at));
    pswp.addFilter('placeholderSrc', (src, content) => content.data.msrc || src);
    pswp.addFilter('thumbEl', (thumb, _, at) =>
      (alone ? null : wall.tiles.get(at)?.querySelector('img')) ?? thumb);
    pswp.on('uiRegister', () => this.buttons(labels));
    pswp.on('slideLoad', ({slide}) => this.blurUnder(slide));
    // PhotoSwipe says so of neighbours that were loaded, too.
    pswp.on('change', () => this.photoAt(pswp.currIndex)?.id !== this.shown && this.changed());
    pswp.on('verticalDrag', event => this.swiped(event));
    pswp.on('pointerUp', () => this.swipedUp());
    pswp.on('imageSizeChange', ({slide, width, height}) => this.fitOverlay(slide, width, height));
    pswp.on('close', () => this.closing());
    pswp.on('destroy', () => this.closed());
    pswp.on('keydown', event => {
      const {originalEvent} = event;
      const isOthers = originalEvent.target.closest?.('input, textarea, [data-takes-arrows]');
      if (isOthers || this.cropper) event.preventDefault();
    });
    this.wanted = null;
    this.panel = new Panel(this);
    pswp.init();
    const {element: root} = pswp;
    root.setAttribute('aria-label', labels.viewer);
    root.setAttribute('aria-modal', 'true');
    this.panel.put(root);
    this.onKey = event => this.key(event);
    document.addEventListener('keydown', this.onKey, true);
    this.remember(true);
    this.changed();
  }

  photoAt(at) {
    return this.alone ?? this.wall.photos.at(at);
  }

  slide(at) {
    const photo = this.photoAt(at);
    const {boxes} = this.wall;
    const ratio = this.alone?.ratio ?? boxes.wide[at] / boxes.high[at];
    const scale = Math.min(LARGE[0] / ratio, LARGE[1]);
    const size = {width: Math.round(scale * ratio), height: Math.round(scale)};
    if (!photo) {
      this.wall.photos.want(at, at + 1);
      return {...size, html: '<div class="wall-waiting"></div>'};
    }
    return {...size, src: photo.large, msrc: photo.src, thumbhash: photo.thumbhash, alt: photo.title || this.wall.labels.untitled};
  }

  // Until even the small picture is there, which then may have another shape.
  blurUnder({content: {placeholder}, data}) {
    const small = placeholder?.element;
    if (!small || small.complete) return;
    small.style.aspectRatio = `${data.width} / ${data.height}`;
    blur(small, data);
    small.addEventListener('load', () => small.style.removeProperty('background'));
  }

  loaded(from, to) {
    if (!this.isOpen || this.alone) return;
    const {currIndex} = this.pswp;
    for (let at = Math.max(from, currIndex - 2); at < Math.min(to, currIndex + 3); at++) {
      if (this.pswp.currSlide?.index === at && this.pswp.currSlide.data.src) continue;
      this.pswp.refreshSlideContent(at);
    }
  }

  buttons(labels) {
    const {ui} = this.pswp;
    const add = (name, title, order, onClick) => this.wall.can(name) && ui.registerElement({
      name, title, order, isButton: true, ariaLabel: title, onClick,
      html: {
        isCustomSVG: true, outlineID: '',
        inner: `<path class="wall-stroke" d="${strokes(name)}" transform="translate(4 4)"/>`,
      },
    });
    const number = value => value.toLocaleString(this.wall.data.language);
    ui.registerElement({
      name: 'place', className: 'pswp__counter', order: 5, onInit: (shown, pswp) => pswp.on('change', () => {
        shown.textContent = labels.placeOf.replace('{place}', number(pswp.currIndex + 1))
          .replace('{count}', number(pswp.getNumItems()));
      }),
    });
    add('favourite', labels.favourite, 6, () => this.favourite());
    add('similar', labels.similar, 7, () => this.similar());
    add('crop', labels.part, 8, () => this.crop());
    add('play', labels.slideshow, 9, () => this.play());
    add('download', labels.original, 9, () => this.download());
    add('info', labels.about, 12, () => this.panel.toggle());
  }

  // Down leads back to the wall; up, on a phone, to what is known of the photo.
  swiped(event) {
    const {p1, startP1} = this.pswp.gestures, isUp = p1.y < startP1.y;
    this.isUp = startP1.y - p1.y > SWIPE;
    if (isUp) event.preventDefault();
  }

  swipedUp() {
    if (this.isUp && !this.panel.isOpen) this.panel.toggle();
    this.isUp = false;
  }

  // What the panel leaves of the window for the photo.
  room(height) {
    const isOpen = this.panel?.isOpen, isWide = window.innerWidth >= WIDE;
    return {
      top: 56, left: 0, right: isOpen && isWide ? PANEL : 0,
      bottom: isOpen && !isWide ? Math.min(this.panel.root.offsetHeight, 0.6 * height) : 16,
    };
  }

  askAbout(id) {
    return this.wall.ask('about.json', {id});
  }

  async changed() {
    const {pswp} = this;
    if (!pswp || pswp.isDestroying || !this.panel?.root.isConnected) return;
    const photo = this.photoAt(pswp.currIndex);
    if (!photo) return;
    this.shown = photo.id;
    this.remember(false);
    this.marked();
    this.cropper?.end();
    if (!this.alone) {
      this.wall.photos.want(Math.max(0, pswp.currIndex - 3), pswp.currIndex + 4);
    }
    this.about = null;
    this.panel.wait(photo.title || this.wall.labels.untitled);
    this.asked = this.askAbout(photo.id).catch(() => null);
    const about = await this.asked;
    if (pswp !== this.pswp || this.photoAt(pswp.currIndex)?.id !== photo.id) return;
    this.about = about;
    this.panel.show(about);
    this.overlay();
  }

  // Where text and faces are, over the picture itself.
  overlay() {
    const {currSlide} = this.pswp;
    const {container, content} = currSlide;
    container.querySelector('svg.wall-regions')?.remove();
    const {lines = [], faces = []} = this.about ?? {};
    if (!lines.length && !faces.length) return;
    const svg = document.createElementNS(SVG, 'svg');
    svg.setAttribute('class', 'wall-regions');
    svg.setAttribute('viewBox', '0 0 100 100');
    svg.setAttribute('preserveAspectRatio', 'none');
    svg.setAttribute('aria-hidden', 'true');
    for (const {corners, isFound} of lines) {
      svg.append(polygon(corners, isFound ? 'is-found' : 'is-text'));
    }
    for (const {left, top, right, bottom} of faces) {
      svg.append(polygon([left, top, right, top, right, bottom, left, bottom], 'is-face'));
    }
    container.append(svg);
    this.fitOverlay(currSlide, content.element?.clientWidth, content.element?.clientHeight);
  }

  fitOverlay(slide, width, height) {
    const svg = slide?.container.querySelector('svg.wall-regions');
    if (svg && width) Object.assign(svg.style, {width: `${width}px`, height: `${height}px`});
  }

  // `kind` is "face" or "text"; `number` one of them, or all.
  point(kind, number) {
    const shapes = this.pswp.currSlide?.container.querySelectorAll(`.wall-regions .is-${kind}`) ?? [];
    shapes.forEach((shape, at) => shape.classList.toggle('is-pointed', number === true || number === at));
  }

  async crop() {
    if (!this.wall.can('crop')) return;
    this.stop();
    const {pswp} = this;
    const about = await this.asked;
    if (!about || this.cropper || pswp !== this.pswp) return;
    this.cropper = new Cropper(pswp.element, about, this.wall.labels, {
      search: part => this.wall.searchWith(`${about.similar},${part.join(',')}`),
      ended: () => {
        this.cropper = null;
      },
    });
  }

  similar() {
    const photo = this.photoAt(this.pswp.currIndex);
    if (photo) this.wall.similar(photo.id);
  }

  favourite() {
    const photo = this.photoAt(this.pswp.currIndex);
    if (photo) this.wall.favourite([photo.id]);
  }

  // Whether the photo is a favourite may just have changed.
  marked() {
    const photo = this.isOpen && this.photoAt(this.pswp.currIndex);
    if (!photo) return;
    const isOne = this.wall.favourites.has(photo.id);
    this.pswp.element.classList.toggle('is-of-favourite', isOne);
    this.pswp.element.querySelector('.pswp__button--favourite')?.setAttribute('aria-pressed', isOne);
  }

  download() {
    if (this.about?.original) element('a', '', {href: new URL(this.about.original, document.baseURI), download: ''}).click();
  }

  play() {
    if (this.timer) return this.stop();
    this.pswp.element.classList.add('is-playing');
    this.timer = setInterval(() => {
      if (this.pswp.currIndex + 1 < this.pswp.getNumItems()) this.pswp.next();
      else this.stop();
    }, SLIDE);
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    this.pswp?.element?.classList.remove('is-playing');
  }

  key(event) {
    if (!this.isOpen || event.ctrlKey || event.altKey || event.metaKey) return;
    if (document.querySelector('dialog[open]')) return event.stopPropagation(); // its own keys
    if (event.key === 'Escape') {
      event.preventDefault();
      event.stopPropagation();
      if (this.cropper) this.cropper.end();
      else if (this.timer) this.stop();
      else this.close();
      return;
    }
    if (event.target.closest?.('input, textarea')) return;
    const act = {
      f: () => this.favourite(), s: () => this.similar(), c: () => this.crop(), i: () => this.panel.toggle(),
      d: () => this.download(), p: () => this.play(), '?': () => showKeys(this.wall.labels),
    }[event.key];
    if (!act) return;
    act();
    event.preventDefault();
    event.stopPropagation();
  }

  // The address holds the photo: a step back closes it again.
  remember(isNew) {
    const photo = this.photoAt(this.pswp.currIndex);
    if (!photo || parameter('photo') === photo.id) return;
    const address = withParameter('photo', photo.id);
    if (isNew) history.pushState({viewer: true}, '', address);
    else history.replaceState(history.state, '', address);
  }

  forget(message) {
    this.wanted = null;
    history.replaceState(null, '', withParameter('photo', null));
    if (message) say(message);
  }

  // PhotoSwipe cannot close while it opens: then it does so right after.
  close() {
    const {pswp} = this;
    if (!pswp) return;
    if (pswp.opener.isOpening) pswp.on('openingAnimationEnd', () => pswp.close());
    else pswp.close();
  }

  // To another search: what was looked at stays a step back away.
  leave() {
    if (!this.isOpen) return;
    this.isLeft = true;
    this.pswp.options.showHideAnimationType = 'none';
    this.close();
  }

  closing() {
    this.stop();
    this.cropper?.end();
    document.removeEventListener('keydown', this.onKey, true);
    this.place = this.alone ? null : this.pswp.currIndex;
    if (!this.isLeft && this.place !== null) this.wall.scrollTo(this.place, 'nearest');
    if (parameter('photo') && !this.isLeft) {
      if (history.state?.viewer) history.back();
      else this.forget();
    }
  }

  closed() {
    this.pswp = this.panel = this.about = this.shown = null;
    if (!this.isLeft && this.place !== null) this.wall.focus(this.place);
    this.isLeft = false;
  }
}

function polygon(corners, className) {
  const made = document.createElementNS(SVG, 'polygon');
  made.setAttribute('points', corners.join(' '));
  made.setAttribute('class', className);
  return made;
}
