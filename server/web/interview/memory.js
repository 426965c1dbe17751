// What lets a call go on when the page is loaded again: kept in this tab only, gone when the call is over.

const place = (key) => `viva.call.${key}`;

export function remember(key, registered) {
  try {
    sessionStorage.setItem(place(key), JSON.stringify(registered));
  } catch {
    // A browser that keeps nothing loses only this comfort.
  }
}

export function recall(key) {
  try {
    const found = JSON.parse(sessionStorage.getItem(place(key)));
    return found?.callUrl && found.accessToken ? found : null;
  } catch {
    return null;
  }
}

export function forget(key) {
  try {
    sessionStorage.removeItem(place(key));
  } catch {
    // As above.
  }
}
