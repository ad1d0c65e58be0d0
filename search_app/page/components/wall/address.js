// The wall's part of the page's address: which photo is open, whether less likely ones are shown.

const OWN = ['photo', 'unlikely'];

function search(query) {
  const parameters = new URLSearchParams(query);
  for (const name of OWN) parameters.delete(name);
  return parameters.toString();
}

// Whether the address is that of a search; it may be for one that is still to come.
export const isOf = query => search(location.search) === search(query);

export const parameter = name => new URLSearchParams(location.search).get(name);

// The address with a parameter of the wall's, or without it.
export function withParameter(name, value) {
  const parameters = new URLSearchParams(location.search);
  if (value) parameters.set(name, value);
  else parameters.delete(name);
  return location.pathname + (parameters.size ? `?${parameters}` : '');
}
