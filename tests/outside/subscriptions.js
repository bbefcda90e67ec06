// What the npm clients of graphql-ws and graphql-sse, and sockets without a client, are told by a service: as JSON.
// Usage: subscriptions.js URL KEY
import { createClient } from "graphql-ws";
import { createClient as createEvents } from "graphql-sse";
import WebSocket from "ws";

const [url, key] = process.argv.slice(2);
const socketUrl = url.replace("http", "ws");
const Authorization = `Bearer ${key}`;
const found = {};
const FIELDS = "nodesAdded nodesRemoved edgesAdded { source target via evidence { runs } } edgesRemoved { id } epoch";
const CHANGED = `subscription ($since: String) { lineageChanged(of: ["dataset:default#a"], since: $since) { ${FIELDS} } }`;

async function capture(name, input, output) {
  const query = `mutation { captureOperation(input: { name: "${name}", inputs: ["${input}"], outputs: ["${output}"] }) { errors { code } } }`;
  const headers = { "content-type": "application/json", Authorization };
  const answer = await (await fetch(url, { method: "POST", headers, body: JSON.stringify({ query }) })).json();
  if (answer.data.captureOperation.errors.length) throw new Error(JSON.stringify(answer));
}

// Everything that a client is told of one operation, until `enough` says so or it ends.
function told(client, payload, enough = () => false, between = async () => {}) {
  return new Promise((resolve) => {
    const results = [];
    let end = () => {};
    const done = (how) => {
      end();
      resolve({ results, how });
    };
    end = client.subscribe(payload, {
      next: async (result) => {
        results.push(result);
        if (enough(results)) done("enough");
        else await between(results.length);
      },
      error: (error) => done(Array.isArray(error) ? error[0].extensions.code : `closed ${error.code ?? error.response?.status}`),
      complete: () => done("complete"),
    });
  });
}

async function follow(name, client) {
  found[name] = {};
  found[name].query = await told(client, { query: "{ __typename }" });
  found[name].invalid = await told(client, { query: "{ nothing }" });
  found[name].unknown = await told(client, { query: 'subscription { lineageChanged(of: ["dataset:default#no"]) { epoch } }' });
  const live = await told(client, { query: CHANGED }, (results) => results.length === 2, () => capture(name, "b", name));
  found[name].live = live;
  const since = live.results[0].data.lineageChanged.epoch;
  found[name].since = await told(client, { query: CHANGED, variables: { since } }, (results) => results.length === 1);
}

// The code with which a socket is closed that says these things.
function closed(messages, protocols = ["graphql-transport-ws"]) {
  return new Promise((resolve) => {
    const socket = new WebSocket(socketUrl, protocols);
    socket.on("error", () => {});
    socket.on("unexpected-response", (_, response) => resolve(response.statusCode));
    socket.on("close", (code) => resolve(code));
    socket.on("open", () => messages.forEach((message) => socket.send(typeof message === "string" ? message : JSON.stringify(message))));
  });
}

await capture("first", "a", "b");
const client = createClient({ url: socketUrl, webSocketImpl: WebSocket, connectionParams: { Authorization }, retryAttempts: 0 });
await follow("ws", client);
await client.dispose();
await follow("sse", createEvents({ url, headers: { Authorization }, retryAttempts: 0 }));

const init = { type: "connection_init", payload: { Authorization } };
const subscribe = { id: "1", type: "subscribe", payload: { query: CHANGED } };
found.codes = {
  invalid: await closed(["{"]),
  early: await closed([subscribe]),
  keyless: await closed([{ type: "connection_init" }]),
  wrong: await closed([{ type: "connection_init", payload: { Authorization: "Bearer wrong" } }]),
  unnamed: await closed([], []),
  legacy: await closed([], ["graphql-ws"]),
  twice: await closed([init, subscribe, subscribe]),
  again: await closed([init, init]),
};
const stranger = createClient({ url: socketUrl, webSocketImpl: WebSocket, connectionParams: {}, retryAttempts: 0 });
found.stranger = await told(stranger, { query: "{ __typename }" });
found.foreign = await new Promise((resolve) => {
  const socket = new WebSocket(socketUrl, ["graphql-transport-ws"], { origin: "https://evil.example" });
  socket.on("unexpected-response", (_, response) => resolve(response.statusCode));
  socket.on("open", () => resolve("open"));
  socket.on("error", () => {});
});
console.log(JSON.stringify(found));
process.exit(0);
