// What a browser remembers of how somebody likes the wall; one that keeps nothing gives null.

export function kept(name) {
  try {
    return localStorage.getItem(`albumscope.${name}`);
  } catch {
    return null;
  }
}

export function keep(name, value) {
  try {
    localStorage.setItem(`albumscope.${name}`, value);
  } catch {
    // then there is nothing to come back to
  }
}
