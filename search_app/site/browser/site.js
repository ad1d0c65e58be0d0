// The page of the site: its search box, its facets and the wall of the library's own page, of which
// it answers what a server would be asked for.

import drawFacets from './facets.js';
import {Collection} from './collection.js';
import {Telling} from './telling.js';
import {show as showWall} from './wall/wall.js';
import {element, linkTo} from './wall/elements.js';

const FILTERS = ['event', 'year', 'album', 'person', 'country', 'town', 'camera', 'lens', 'tag', 'from', 'to'];
const SEARCH = [...FILTERS, 'q', 'similar', 'sort'];
const LANGUAGES = ['en', 'ja', 'ru'];
const FIRST = 60; // photos that the wall is told of at once

class Site {
  constructor(collection, telling) {
    Object.assign(this, {collection, telling, answered: 0});
    const {words} = telling;
    this.title = document.title;
    document.documentElement.lang = words.language;
    const scroller = document.body.appendChild(element('div', 'wall-scroller'));
    const bar = scroller.appendChild(element('header', 'site-bar'));
    bar.append(linkTo('', this.title, query => this.go(query)));
    const form = bar.appendChild(element('form', '', {role: 'search'}));
    this.box = form.appendChild(element('input', '', {
      type: 'search', name: 'q', placeholder: words.ask, autocomplete: 'off', enterKeyHint: 'search',
      'aria-label': words.search, 'aria-keyshortcuts': '/',
    }));
    form.addEventListener('submit', event => {
      event.preventDefault();
      this.change(query => {
        query.delete('similar');
        query.set('q', this.box.value.trim());
      });
    });
    this.facets = scroller.appendChild(element('div', 'site-facets'));
    this.wall = scroller.appendChild(element('main', 'site-wall'));
    scroller.scrollTo(0, 0);
    document.addEventListener('keydown', event => {
      const isTyping = event.target.closest('input, textarea, select, dialog, .pswp');
      if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      this.box.select();
    });
    addEventListener('popstate', () => this.show());
    this.show();
  }

  get query() {
    const asked = new URLSearchParams(location.search), query = new URLSearchParams();
    for (const name of SEARCH) {
      for (const value of asked.getAll(name)) if (value) query.append(name, value);
    }
    return query;
  }

  go(query) {
    history.pushState(null, '', location.pathname + (query ? `?${query}` : ''));
    this.show();
  }

  change(edit) {
    const query = this.query;
    edit(query);
    for (const name of SEARCH) if (query.get(name) === '') query.delete(name);
    this.go(query.toString());
  }

  async show() {
    const {query, collection, telling} = this, asked = query.toString();
    const found = await collection.find(query);
    if (asked !== this.query.toString()) return; // something else by now
    this.box.value = query.get('q') ?? '';
    this.drawFacets(query, asked);
    const heading = telling.heading(query, found);
    document.title = asked ? `${heading} – ${this.title}` : this.title;
    showWall({
      parentElement: this.wall,
      data: {
        results: asked || 'all',
        // as the address has it, where other parameters are left out by the wall
        search: location.search.slice(1),
        count: found.length,
        first: found.slice(0, FIRST).map(place => telling.tile(place)),
        ratios: found.map(place => collection.ratios[place]),
        sections: telling.sections(query, found),
        less: [], lessRatios: [],
        heading,
        sort: query.get('sort') ?? 'relevance', sorts: telling.sorts(query),
        view: 'grid', views: [],
        language: telling.words.locale,
        favourites: [], mayChange: false, without: telling.words.without,
        start: asked ? null : telling.start(), album: telling.album(query, found),
        labels: telling.words.labels,
        answer: (path, what) => this.answer(path, what, found),
      },
      setTriggerValue: (name, value) => this.act(name, value),
    });
  }

  async answer(path, {first, count, id}, found) {
    const {collection, telling} = this;
    switch (path) {
      case 'wall/tiles.json': return found.slice(first, first + count).map(place => telling.tile(place));
      case 'wall/ids.json': return found.slice(first, first + count).map(place => collection.ids[place]);
      case 'wall/place.json': {
        const place = found.indexOf(collection.placeOf.get(id));
        return place < 0 ? null : place;
      }
      case 'about.json': return telling.about(collection.placeOf.get(id));
      default: throw new Error(path);
    }
  }

  // What somebody did on the wall.
  act(name, value) {
    if (name === 'go') this.go(value);
    if (name === 'similar') this.go(new URLSearchParams({similar: value.replace('photo:', '')}).toString());
    if (name === 'order') this.change(query => query.set('sort', value === 'relevance' ? '' : value));
  }

  drawFacets(query, asked) {
    const {telling} = this, chosen = new URLSearchParams();
    for (const name of FILTERS) query.getAll(name).forEach(value => chosen.append(name, value));
    drawFacets({
      parentElement: this.facets,
      data: {
        ...telling.facets(query),
        query: chosen.toString(), answered: this.answered, results: asked,
        readings: [], examples: null, favourites: false,
        answer: what => telling.values(query, what.getAll('facet'), what.get('typed')),
      },
      setTriggerValue: (_, said) => {
        this.answered = said.number;
        this.change(query => {
          FILTERS.forEach(name => query.delete(name));
          for (const [name, value] of new URLSearchParams(said.query)) query.append(name, value);
        });
      },
    });
  }
}

const base = new URL('.', import.meta.url);
const language = navigator.languages.map(each => each.split('-')[0]).find(each => LANGUAGES.includes(each)) ?? 'en';
const [told, words] = await Promise.all(['photos.json', `${language}/words.json`].map(async name => {
  const answer = await fetch(new URL(name, base));
  return answer.json();
}));
const collection = new Collection(base, told);
new Site(collection, new Telling(collection, words));
