// Opens GraphiQL in Chromium as a person would: gives the key it asks for, clicks a question, waits for the answer. Prints
// what the page asked for and complained of, as JSON: {requests, complaints, answer, followed, asksAgain}.
//   node graphiql.js CHROMIUM URL KEY
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import WebSocket from "ws";

const PATIENCE = 120_000; // only a failing test waits so long
const [chromium, url, key] = process.argv.slice(2);
const requests = [];
const complaints = [];

const profile = mkdtempSync(join(tmpdir(), "chromium-"));
const plain = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"];
const quiet = ["--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const browser = spawn(
  chromium,
  [...plain, ...quiet, "--remote-debugging-port=0", `--user-data-dir=${profile}`],
  { stdio: ["ignore", "ignore", "pipe"] },
);
const deadline = setTimeout(() => fail("it took too long"), 2 * PATIENCE);

function fail(why) {
  console.error(why, JSON.stringify({ requests, complaints }));
  browser.kill("SIGKILL");
  process.exit(1);
}

const address = await new Promise((resolve) => {
  let said = "";
  browser.stderr.on("data", (text) => {
    said += text;
    const found = said.match(/DevTools listening on (\S+)/);
    if (found) resolve(found[1]);
  });
  browser.on("exit", () => fail(`Chromium ended: ${said.slice(-500)}`));
});

const socket = new WebSocket(address);
await new Promise((resolve, reject) => socket.on("open", resolve).on("error", reject));
const waiting = new Map();
let number = 0;

function call(method, params = {}, sessionId = undefined) {
  socket.send(JSON.stringify({ id: ++number, method, params, sessionId }));
  return new Promise((resolve, reject) => waiting.set(number, { resolve, reject, method }));
}

// A page and the workers it starts are watched from before their first request on.
async function watch(sessionId) {
  const ignore = () => {}; // a worker has fewer domains than a page
  call("Network.enable", {}, sessionId).catch(ignore);
  call("Log.enable", {}, sessionId).catch(ignore);
  call("Runtime.enable", {}, sessionId).catch(ignore);
  const flat = { autoAttach: true, waitForDebuggerOnStart: true, flatten: true };
  call("Target.setAutoAttach", flat, sessionId).catch(ignore);
  await call("Runtime.runIfWaitingForDebugger", {}, sessionId).catch(ignore);
}

socket.on("message", (text) => {
  const { id, result, error, method, params } = JSON.parse(text);
  if (id) {
    const { resolve, reject, method: asked } = waiting.get(id);
    waiting.delete(id);
    if (error) reject(new Error(`${asked}: ${error.message}`));
    else resolve(result);
  } else if (method === "Network.requestWillBeSent") requests.push(params.request.url.slice(0, 200));
  else if (method === "Network.webSocketCreated") requests.push(params.url);
  else if (method === "Target.attachedToTarget") watch(params.sessionId);
  else if (method === "Runtime.exceptionThrown") complaints.push(params.exceptionDetails.exception?.description ?? "exception");
  else if (method === "Log.entryAdded" && params.entry.level === "error") complaints.push(params.entry.text);
});

const { targetId } = await call("Target.createTarget", { url: "about:blank" });
const { sessionId } = await call("Target.attachToTarget", { targetId, flatten: true });
await watch(sessionId);
await call("Page.enable", {}, sessionId);

async function run(expression) {
  const { result } = await call("Runtime.evaluate", { expression, returnByValue: true }, sessionId);
  return result.value;
}

async function until(expression) {
  for (const start = Date.now(); Date.now() - start < PATIENCE; ) {
    const value = await run(expression).catch(() => null); // between two pages there is none to ask
    if (value) return value;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return fail(`in vain: ${expression}: ${await run("document.body.innerText").catch(String)}`);
}

await call("Page.navigate", { url }, sessionId);
await until(`!!document.querySelector(".headwater-key input")`);
await run(`document.querySelector(".headwater-key input").value = ${JSON.stringify(key)};
  document.querySelector(".headwater-key").requestSubmit()`);
// The page is loaded anew; with the key it knows the schema, and no longer asks for one.
const buttons = `document.querySelectorAll(".headwater-questions button")`;
const button = `${buttons}[0]`;
const result = `(document.querySelector(".result-window")?.innerText ?? "")`;
await until(`!!${button} && performance.getEntriesByType("navigation")[0].type === "reload"`);
await until(`!!document.querySelector(".graphiql-query-editor .view-line")?.innerText`);
await run(`${button}.click()`);
const answer = await until(`${result}.includes('"data"') && ${result}`);
await run(`${buttons}[${buttons}.length - 1].click()`); // the last one is followed until that is stopped
const followed = await until(`${result}.includes('"lineageChanged"') && ${result}`);
await until(`!!document.querySelector('button[aria-label^="Stop"]')`);
await run(`document.querySelector('button[aria-label^="Stop"]').click()`);
await until(`!!document.querySelector('button[aria-label^="Execute"]')`);
const asksAgain = await run(`!!document.querySelector(".headwater-key")`);

console.log(JSON.stringify({ requests, complaints, answer, followed, asksAgain }));
clearTimeout(deadline);
browser.removeAllListeners("exit");
browser.on("exit", () => rmSync(profile, { recursive: true, force: true, maxRetries: 5 }));
setTimeout(() => browser.kill("SIGKILL"), 10_000).unref(); // should it not want to go
await call("Browser.close").catch(() => browser.kill("SIGKILL"));
socket.close();
