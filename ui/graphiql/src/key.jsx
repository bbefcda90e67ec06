import { useSyncExternalStore } from "react";

import { isRefused, keep, key, subscribe } from "./keys.js";

// Asks for the key once the service did. The page is loaded anew with it, so that the schema is asked for anew, too.
export function Key() {
  const wanted = useSyncExternalStore(subscribe, isRefused);
  if (!wanted) return null;
  return (
    <form
      className="headwater-key"
      onSubmit={(event) => {
        event.preventDefault();
        keep(new FormData(event.currentTarget).get("key").trim());
        window.location.reload();
      }}
    >
      <label>
        {key() ? "This key is not the service's:" : "The service asks for its key (HEADWATER_TOKEN):"}{" "}
        <input name="key" type="password" autoComplete="off" required autoFocus />
      </label>
      <button type="submit">Use it in this tab</button>
    </form>
  );
}
