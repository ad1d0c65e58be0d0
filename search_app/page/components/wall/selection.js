// Photos that were selected, of this and of other searches, and what can be done with them.

import {element, button} from './elements.js';
import {icon} from './icons.js';
import {keep, kept} from './kept.js';
import {askForTag} from './asking.js';

// They stay selected while one looks at other pages, and when one loads this one anew.
const selected = new Set(kept('selected', true)?.split(',').filter(Boolean));

export class Selection {
  constructor(wall) {
    this.wall = wall;
    this.ids = selected;
    this.bar = wall.root.appendChild(element('div', 'wall-bar', {role: 'toolbar', hidden: true}));
    this.count = element('span', 'wall-count', {role: 'status'});
  }

  get size() {
    return this.ids.size;
  }

  // One photo; or with Shift all from the last one to it.
  async choose(place, isRange) {
    if (!this.wall.can('select')) return;
    const {photos} = this.wall;
    if (isRange && this.anchor !== undefined) {
      const [from, to] = [Math.min(this.anchor, place), Math.max(this.anchor, place) + 1];
      for (const id of await photos.ids(from, to)) this.ids.add(id);
    } else {
      const {id} = photos.at(place);
      if (!this.ids.delete(id)) this.ids.add(id);
    }
    this.anchor = place;
    this.draw();
  }

  // All of a heading, or none of it if they were all selected.
  async toggleAll(from, to) {
    const ids = await this.wall.photos.ids(from, to);
    const isAll = ids.every(id => this.ids.has(id));
    for (const id of ids) isAll ? this.ids.delete(id) : this.ids.add(id);
    this.draw();
  }

  async all() {
    for (const id of await this.wall.photos.ids(0, this.wall.count())) this.ids.add(id);
    this.draw();
  }

  clear() {
    this.ids.clear();
    this.anchor = undefined;
    this.draw();
  }

  // From a tick on, over all that the mouse goes over until it is let go.
  drag(start) {
    if (!this.wall.can('select')) return;
    const before = new Set(this.ids);
    let last = start;
    const over = event => {
      const place = event.target.closest?.('.wall-tile')?.place;
      if (place === undefined || place === last) return;
      last = place;
      for (const id of [...this.ids]) if (!before.has(id)) this.ids.delete(id);
      const [from, to] = [Math.min(start, place), Math.max(start, place)];
      for (let at = from; at <= to; at++) {
        const photo = this.wall.photos.at(at);
        if (photo) this.ids.add(photo.id);
      }
      this.anchor = place;
      this.draw();
    };
    document.addEventListener('pointerover', over);
    document.addEventListener('pointerup', () => {
      document.removeEventListener('pointerover', over);
      // the click that follows, on the tick it began at or on what both are in, is no choice
      if (last !== start) {
        document.addEventListener('click', event => event.stopPropagation(), {capture: true, once: true});
        setTimeout(() => document.dispatchEvent(new MouseEvent('click')));
      }
    }, {once: true});
  }

  mark(tile) {
    const isSelected = this.ids.has(tile.photo?.id);
    tile.classList.toggle('is-selected', isSelected);
    tile.querySelector('.wall-check')?.setAttribute('aria-pressed', isSelected);
  }

  draw() {
    const {wall} = this, {labels, data} = wall;
    for (const tile of wall.tiles.values()) this.mark(tile);
    wall.root.classList.toggle('is-selecting', this.size > 0);
    keep('selected', [...this.ids].join(','), true);
    this.bar.hidden = !this.size;
    document.body.classList.toggle('has-wall-bar', this.size > 0);
    if (!this.size) return;
    this.bar.setAttribute('aria-label', labels.selection);
    const kind = `${data.language} ${data.mayChange} ${data.isOfHidden}`;
    if (this.kind !== kind) this.build(labels, data);
    this.kind = kind;
    this.count.textContent = labels.selected.replace('{count}', this.size.toLocaleString(data.language));
  }

  build(labels, data) {
    const act = (name, text, action) => {
      const made = button('', 'wall-act', action);
      made.append(icon(name), element('span', '', {textContent: text}));
      return made;
    };
    const close = button('', 'wall-close', () => this.clear(), labels.selectNone);
    close.append(icon('close'));
    this.bar.replaceChildren(
      close,
      this.count,
      act('all', labels.selectAll, () => this.all()),
      act('download', labels.download, () => this.send('photos.zip')),
      act('table', labels.table, () => this.send('photos.csv')),
      act('links', labels.links, () => this.copyLinks()),
      act('favourite', labels.favourite, () => this.wall.favourite([...this.ids])),
    );
    if (!data.mayChange) return;
    this.bar.append(
      act('tag', labels.addTag, () => askForTag(labels, tag => this.wall.mark('add_tag', [...this.ids], tag))),
      data.isOfHidden
        ? act('show', labels.unhide, () => this.markAll('show'))
        : act('hide', labels.hide, () => this.markAll('hide')),
    );
  }

  markAll(action) {
    this.wall.mark(action, [...this.ids]);
    this.clear();
  }

  // As many ids do not fit into an address: a form of the page takes them.
  send(path) {
    const form = element('form', '', {method: 'post', action: this.wall.address(path), hidden: true});
    form.append(element('input', '', {type: 'hidden', name: 'ids', value: [...this.ids].join(',')}));
    document.body.append(form);
    form.submit();
    form.remove();
  }

  async copyLinks() {
    const {labels} = this.wall;
    const links = fetch(this.wall.address('photos.txt'), {
      method: 'post', body: new URLSearchParams({ids: [...this.ids].join(',')}),
    }).then(answer => answer.text());
    try {
      const text = await links;
      if (text) await navigator.clipboard.writeText(text);
      const count = text ? text.split('\n').length : 0;
      this.count.textContent = labels.linksCopied.replace('{count}', count);
    } catch {
      this.count.textContent = labels.notCopied;
    }
  }
}
