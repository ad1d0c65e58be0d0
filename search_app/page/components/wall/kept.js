// What a browser remembers of how somebody likes the wall; one that keeps nothing gives null.

const storage = isForTab => (isForTab ? sessionStorage : localStorage);

// With `isForTab` until the tab is closed.
export function kept(name, isForTab = false) {
  try {
    return storage(isForTab).getItem(`albumscope.${name}`);
  } catch {
    return null;
  }
}

export function keep(name, value, isForTab = false) {
  try {
    storage(isForTab).setItem(`albumscope.${name}`, value);
  } catch {
    // then there is nothing to come back to
  }
}
