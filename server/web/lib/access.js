// A link may bring a token (`#access=…`). It is kept for this page in this tab, and leaves the address at once:
// whoever is given the address of the page is not given the token.

const place = () => `viva.access ${location.pathname}`;
let token = null;

/** The token to send, or null. */
export function access() {
  const brought = new URLSearchParams(location.hash.slice(1)).get("access");
  try {
    if (brought) sessionStorage.setItem(place(), brought);
    token = brought ?? token ?? sessionStorage.getItem(place());
  } catch {
    token = brought ?? token; // a browser that keeps nothing: good until the page is loaded again
  }
  if (brought) history.replaceState(history.state, "", `${location.pathname}${location.search}`);
  return token;
}
