// The service's key, kept for as long as this tab is open and sent to this origin alone.
const NAME = "headwater-key";
const listeners = new Set();
let wasRefused = false;

export const key = () => sessionStorage.getItem(NAME) ?? "";
export const isRefused = () => wasRefused;

export function keep(text) {
  if (text) sessionStorage.setItem(NAME, text);
  else sessionStorage.removeItem(NAME);
}

export function refused() {
  wasRefused = true;
  for (const tell of listeners) tell();
}

export function subscribe(tell) {
  listeners.add(tell);
  return () => listeners.delete(tell);
}
