// What is known of the photo in the viewer, each fact a way to others like it.

import {button, element, keepFromPhoto, linkTo} from './elements.js';
import {keep, kept} from './kept.js';
import {askForTag} from './asking.js';

const WIDE = 900; // CSS pixels

export class Panel {
  constructor(viewer) {
    this.viewer = viewer;
    this.labels = viewer.wall.labels;
    this.root = element('aside', 'wall-panel', {'aria-label': this.labels.about});
    keepFromPhoto(this.root);
    this.isOpen = kept('panel') ? kept('panel') === 'true' : window.innerWidth >= WIDE;
  }

  // Into the viewer, which has room for it from the beginning.
  put(parent) {
    parent.append(this.root);
    this.set(this.isOpen);
  }

  toggle() {
    this.set(!this.isOpen);
    this.viewer.pswp.updateSize(true);
    keep('panel', this.isOpen);
  }

  set(isOpen) {
    this.isOpen = isOpen;
    this.root.hidden = !isOpen;
    this.viewer.pswp.element.classList.toggle('has-panel', isOpen);
  }

  wait(title) {
    this.root.setAttribute('aria-busy', 'true');
    this.root.replaceChildren(element('h2', '', {textContent: title}));
  }

  show(about) {
    this.root.removeAttribute('aria-busy');
    if (!about) {
      this.root.append(element('p', '', {textContent: this.labels.noFacts}));
      return;
    }
    const {labels} = this;
    const shown = [element('h2', '', {textContent: about.title})];
    const say = (text, className) => text && shown.push(element('p', className, {textContent: text}));
    say(about.description, 'wall-description');
    say(about.caption, 'wall-caption');
    say(about.isCut && labels.cut, 'wall-cut');
    if (about.faces.length) shown.push(this.faces(about.faces));
    const facts = element('dl');
    for (const {name, parts} of about.facts) {
      const value = element('dd');
      parts.forEach((part, at) => value.append(...(at ? [', '] : []), this.part(part)));
      facts.append(element('dt', '', {textContent: name}), value);
    }
    shown.push(facts);
    if (about.position) shown.push(this.place(about.position));
    shown.push(this.actions(about));
    if (about.links.length) shown.push(list(about.links.map(link => this.part(link))));
    if (about.origin) shown.push(this.origin(about));
    this.root.replaceChildren(...shown);
    this.root.scrollTop = 0;
    // On a phone it may be higher or lower now.
    if (this.isOpen && window.innerWidth < WIDE) this.viewer.pswp.updateSize(true);
  }

  part({text, query, href}) {
    if (query) return linkTo(query, text, () => this.viewer.wall.go(query));
    if (!href || !/^https?:/.test(href)) return element('span', '', {textContent: text});
    return element('a', '', {href, textContent: text, target: '_blank', rel: 'noreferrer'});
  }

  faces(faces) {
    const row = element('ul', 'wall-faces');
    faces.forEach(({src, name, query}, at) => {
      const link = this.part({text: name ?? this.labels.thisPerson, query});
      const picture = element('img', '', {alt: '', src: new URL(src, document.baseURI)});
      link.prepend(picture);
      for (const [event, isOn] of [['pointerenter', true], ['focus', true], ['pointerleave', false], ['blur', false]]) {
        link.addEventListener(event, () => this.viewer.point('face', isOn ? at : -1));
      }
      row.append(item(link));
    });
    return row;
  }

  place(position) {
    const holder = element('div', 'wall-still');
    import('./still_map.js').then(({drawStill}) => drawStill(this.viewer.wall, holder, position));
    return holder;
  }

  actions(about) {
    const {viewer, labels} = this;
    const row = element('div', 'wall-actions');
    const add = (text, act) => row.append(button(text, '', act));
    add(labels.similar, () => viewer.similar());
    if (viewer.wall.can('crop')) add(labels.part, () => viewer.crop());
    if (viewer.wall.data.mayChange) {
      add(labels.addTag, () => askForTag(labels, tag => viewer.wall.mark('add_tag', [about.id], tag)));
      add(labels.hide, () => {
        viewer.close();
        viewer.wall.mark('hide', [about.id]);
      });
    }
    if (about.lines.length) {
      const show = button(labels.showText, '', () => {
        const isOn = show.getAttribute('aria-pressed') !== 'true';
        show.setAttribute('aria-pressed', isOn);
        viewer.point('text', isOn);
      });
      show.setAttribute('aria-pressed', 'false');
      row.append(show);
    }
    return row;
  }

  // What found the photo, and where all that is known of it comes from.
  origin({found, said, origin}) {
    const more = element('details');
    const {labels} = this;
    more.append(element('summary', '', {textContent: found.length ? labels.explain : labels.origin}));
    for (const text of [...found, said]) {
      if (text) more.append(element('p', '', {textContent: text}));
    }
    const table = element('table');
    const row = cells => {
      const made = element('tr');
      made.append(...cells);
      return made;
    };
    const head = element('thead'), body = element('tbody');
    head.append(row(origin.columns.map(name => element('th', '', {textContent: name, scope: 'col'}))));
    body.append(...origin.rows.map(cells => row(cells.map(cell => {
      const made = element('td');
      made.append(this.part(cell));
      return made;
    }))));
    table.append(head, body);
    more.append(table, element('p', '', {textContent: origin.snapshot}));
    return more;
  }
}

function item(content) {
  const made = element('li');
  made.append(content);
  return made;
}

function list(contents) {
  const made = element('ul', 'wall-links');
  made.append(...contents.map(item));
  return made;
}
