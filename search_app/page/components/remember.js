// Puts the present search among the last ones, which memory.js shows. They are kept in this browser
// and nowhere else.

const LAST = 'albumscope.last', MOST = 10;

export default function({data: {query, label}}) {
  if (!query) return;
  try {
    const known = JSON.parse(localStorage.getItem(LAST));
    const others = Array.isArray(known) ? known.filter(each => each.query !== query) : [];
    localStorage.setItem(LAST, JSON.stringify([{query, label}, ...others].slice(0, MOST)));
  } catch {
    // a browser that keeps nothing: then there is nothing to remember
  }
}
