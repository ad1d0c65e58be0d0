// The wall is of several modules: Streamlit takes one script, which loads them from this server.

const modules = import(new URL('app/static/components/VERSION/wall/wall.js', document.baseURI));

export default function(component) {
  modules.then(({default: show}) => show(component));
}
