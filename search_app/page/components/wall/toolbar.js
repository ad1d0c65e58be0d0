// Above the wall: what is shown and how many, in which order, on the wall or a map, how large.

import {askFor} from './asking.js';
import {button, element} from './elements.js';
import {icon} from './icons.js';
import {keep, kept} from './kept.js';

const DENSITIES = ['small', 'medium', 'large'];

// If it tells the same as before it stays: what has the focus, or a finger on it, is not lost.
function redraw(root, told, draw) {
  const text = JSON.stringify(told);
  if (root.dataset.told === text) return;
  root.dataset.told = text;
  root.replaceChildren(...draw(told));
}

export class Toolbar {
  constructor(wall) {
    this.wall = wall;
    this.root = wall.root.appendChild(element('div', 'wall-toolbar'));
    this.heading = this.root.appendChild(element('h2', '', {role: 'heading'}));
    this.save = this.root.appendChild(button('', 'wall-save', () => this.saveOrForget()));
    this.sort = this.root.appendChild(element('select'));
    this.sort.addEventListener('change', () => wall.trigger('order', this.sort.value));
    this.views = this.root.appendChild(element('div', 'wall-choice', {role: 'group'}));
    this.sizes = this.root.appendChild(element('div', 'wall-choice is-sizes', {role: 'group'}));
    this.density = DENSITIES.find(each => each === kept('density')) ?? 'medium';
  }

  show({heading, count, less, saved, sort, sorts, view, views, labels}) {
    const isNone = !count && !less.length;
    this.heading.textContent = heading;
    this.save.hidden = !saved;
    this.save.setAttribute('aria-pressed', Boolean(saved?.name));
    const save = saved?.name ? labels.saved.replace('{name}', saved.name) : labels.save;
    redraw(this.save, save, text => [icon('save'), element('span', '', {textContent: text})]);
    this.sort.setAttribute('aria-label', labels.sort);
    redraw(this.sort, sorts, options => options.map(([value, textContent]) =>
      element('option', '', {value, textContent})));
    this.sort.value = sort;
    this.sort.hidden = !count || view !== 'grid';
    this.views.hidden = views.length < 2 || (isNone && view === 'grid');
    this.choice(this.views, labels.view, views, view, chosen => this.wall.trigger('view', chosen));
    const sizes = DENSITIES.map(size => [size, labels.sizes[size]]);
    this.choice(this.sizes, labels.size, sizes, this.density, chosen => this.resize(chosen));
    this.sizes.hidden = isNone || view !== 'grid';
  }

  choice(group, label, choices, now, choose) {
    group.setAttribute('aria-label', label);
    redraw(group, choices, drawn => drawn.map(([value, text]) => {
      const made = Object.assign(button('', '', null, text), {title: text, value});
      made.append(icon(value), element('span', '', {textContent: text}));
      return made;
    }));
    for (const each of group.children) {
      each.setAttribute('aria-pressed', each.value === now);
      each.onclick = () => each.value !== now && choose(each.value);
    }
  }

  // Saved by a name, the search is to be found on the start page.
  saveOrForget() {
    const {wall, wall: {labels, data: {saved}}} = this;
    if (saved.name) return wall.trigger('forget', saved.name);
    askFor({label: labels.name, action: labels.save, cancel: labels.cancel, value: saved.suggest},
      name => wall.trigger('save', name));
  }

  resize(density) {
    this.density = density;
    keep('density', density);
    const place = this.wall.placeAtTop();
    this.show(this.wall.data);
    this.wall.layOut();
    if (place > 0) this.wall.scrollTo(place);
  }
}
