// The wall is of several modules: Streamlit takes one script, which loads them from this server.

const modules = import(new URL('app/static/components/VERSION/wall/wall.js', document.baseURI));

export default function(component) {
  modules.then(({show}) => show(component));
  // Streamlit also cleans up after a call that something has overtaken: then the wall is there yet.
  return () => setTimeout(() => modules.then(({leave}) => leave(component)));
}
