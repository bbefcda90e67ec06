import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { getOperationAST, parse } from "graphql";

import { events } from "./events.js";
import { key, refused } from "./keys.js";

const url = window.location.pathname;

// A header that is written into the editor comes before the key that was given once.
async function send(address, options) {
  const headers = new Headers(options.headers);
  if (key() && !headers.has("Authorization")) headers.set("Authorization", `Bearer ${key()}`);
  const answer = await fetch(address, { ...options, headers });
  if (answer.status === 401) refused();
  return answer;
}

const ask = createGraphiQLFetcher({ url, fetch: send });

// Whether a request follows something. The document that GraphiQL has read may still be that of the tab before.
function follows({ query, operationName }) {
  try {
    return getOperationAST(parse(query), operationName)?.operation === "subscription";
  } catch {
    return false; // what is wrong with it, the service says
  }
}

// Asks the address of this page; a subscription is answered with events.
export function fetcher(request, options) {
  return follows(request) ? events(send, url, request, options?.headers) : ask(request, options);
}
