// A picture on which a rectangle can be drawn, and what can be done with the part inside.

import {button, element, keepFromPhoto} from './elements.js';

const STEP = 2; // percent, by which a key moves an edge
const SMALLEST = 8; // CSS pixels: less is a click that slipped
const between = (low, value, high) => Math.min(Math.max(value, low), high);

export class Cropper {
  // `search` is called with the edges in percent, `ended` when there is no more to draw.
  constructor(parent, photo, labels, {search, ended}) {
    Object.assign(this, {photo, labels, ended});
    this.root = parent.appendChild(element('div', 'wall-cropper'));
    this.stage = element('div', 'wall-stage', {tabIndex: 0, role: 'group'});
    this.stage.dataset.takesArrows = '';
    this.stage.setAttribute('aria-label', labels.how);
    this.picture = element('img', '', {alt: photo.title, draggable: false, src: photo.large});
    this.part = element('div', 'wall-part', {hidden: true});
    const clip = element('div', 'wall-clip');
    clip.append(this.part);
    this.stage.append(this.picture, clip);
    this.search = button(labels.searchPart, 'is-first', () => search(this.edges()));
    this.copy = button(labels.copy, '', () => this.copyPart());
    this.status = element('p', '', {role: 'status', textContent: labels.draw});
    const actions = element('div', 'wall-actions');
    actions.append(this.search, this.copy, button(labels.cancel, '', () => this.end()));
    this.root.append(this.stage, this.status, actions);
    keepFromPhoto(this.root);
    this.stage.addEventListener('pointerdown', event => this.begin(event));
    this.stage.addEventListener('pointermove', event => this.drag(event));
    for (const name of ['pointerup', 'pointercancel']) {
      this.stage.addEventListener(name, () => this.drawn());
    }
    this.stage.addEventListener('keydown', event => this.onKey(event));
    this.root.addEventListener('keydown', event => event.key === 'Tab' && this.tab(event));
    this.choose(null);
    this.stage.focus();
  }

  // Tab goes round: what lies below is not to be had.
  tab(event) {
    const all = [...this.root.querySelectorAll('.wall-stage, button:enabled')];
    const at = all.indexOf(document.activeElement) + (event.shiftKey ? -1 : 1);
    all.at(at % all.length).focus();
    event.preventDefault();
  }

  end() {
    if (!this.root.isConnected) return;
    this.root.remove();
    this.ended();
  }

  // {left, top, right, bottom} in percent of the picture, or null
  choose(part) {
    this.chosen = part;
    this.part.hidden = this.search.disabled = this.copy.disabled = !part;
    if (!part) return;
    Object.assign(this.part.style, {
      left: `${part.left}%`, top: `${part.top}%`,
      width: `${part.right - part.left}%`, height: `${part.bottom - part.top}%`,
    });
  }

  edges() {
    const {left, top, right, bottom} = this.chosen;
    return [left, top, right, bottom].map(edge => Number(edge.toFixed(2)));
  }

  at(event) {
    const box = this.picture.getBoundingClientRect();
    return {
      x: between(0, (event.clientX - box.left) / box.width * 100, 100),
      y: between(0, (event.clientY - box.top) / box.height * 100, 100),
    };
  }

  begin(event) {
    if (event.button) return;
    this.start = this.at(event);
    this.stage.setPointerCapture(event.pointerId);
    this.choose(null);
  }

  drag(event) {
    if (!this.start) return;
    const {x, y} = this.at(event);
    this.choose({
      left: Math.min(x, this.start.x), top: Math.min(y, this.start.y),
      right: Math.max(x, this.start.x), bottom: Math.max(y, this.start.y),
    });
  }

  drawn() {
    this.start = null;
    if (!this.chosen) return;
    const box = this.part.getBoundingClientRect();
    if (box.width < SMALLEST || box.height < SMALLEST) this.choose(null);
  }

  onKey(event) {
    if (!this.chosen && (event.key === 'Enter' || event.key === ' ')) {
      this.choose({left: 25, top: 25, right: 75, bottom: 75});
    } else if (this.chosen && (event.key === 'Delete' || event.key === 'Backspace')) {
      this.choose(null);
    } else if (this.chosen && event.key.startsWith('Arrow')) {
      this.move(event.key, event.shiftKey);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // Arrows move the part; with Shift they move its right and lower edge.
  move(key, isResizing) {
    const dx = {ArrowLeft: -STEP, ArrowRight: STEP}[key] ?? 0;
    const dy = {ArrowUp: -STEP, ArrowDown: STEP}[key] ?? 0;
    let {left, top, right, bottom} = this.chosen;
    if (isResizing) {
      right = between(left + STEP, right + dx, 100);
      bottom = between(top + STEP, bottom + dy, 100);
    } else {
      const x = between(-left, dx, 100 - right), y = between(-top, dy, 100 - bottom);
      [left, right, top, bottom] = [left + x, right + x, top + y, bottom + y];
    }
    this.choose({left, top, right, bottom});
  }

  async copyPart() {
    const address = `${this.photo.part}&part=${this.edges().join(',')}`;
    const png = fetch(new URL(address, document.baseURI)).then(answer => {
      if (!answer.ok) throw new Error(answer.statusText);
      return answer.blob();
    });
    try {
      await navigator.clipboard.write([new ClipboardItem({'image/png': png})]);
      this.status.textContent = this.labels.copied;
    } catch {
      this.status.textContent = this.labels.notCopied;
    }
  }
}
