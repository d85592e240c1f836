// The page. client.js handles the tokens.

import { TokenClient } from "./client.js";
import { element } from "./elements.js";
import { JWKS, verify } from "./keys.js";
import { Parties } from "./parties.js";
import { STRINGS, date, setLanguage, text } from "./strings.js";
import { readHeader, readToken, shorten, tamper } from "./token.js";

const LANGUAGE_STORED = "tokenauth.language";
const LOG_LENGTH = 100;
// A script of another origin can read the first two, and the others only if the API exposes them.
const SHOWN_HEADERS = ["Content-Type", "Cache-Control", "WWW-Authenticate", "Retry-After"];
const TIMES = ["iat", "exp", "auth_time"];

const config = await (await fetch("config.json")).json();
const client = new TokenClient(config.api);
const parties = new Parties(config.reports);
const signInForm = byId("sign-in");
const writeForm = byId("write");

let notes = [];
let sessions = [];
let shownSession = null;
let published = { keys: [] }; // the public keys of the API, a JWK Set
let checked = null; // the result of verify() for the access token
const messages = new Map(); // place -> function that returns its content in the current language

// The elements ---------------------------------------------------------------------------------

function byId(id) {
  return document.getElementById(id);
}

function action(name, words, label, more = {}) {
  const button = element("button", { type: "button", className: "small", ariaLabel: label }, words);
  Object.assign(button.dataset, { action: name }, more);
  return button;
}

function say(place, content) {
  messages.set(place, content);
  const line = document.querySelector(`[data-message="${place}"]`);
  line.replaceChildren(...(content ? [content()].flat() : []));
}

// Show why a request failed: the description of the server, if there is one, and its challenge.
function explain(place, { status, headers, body }) {
  const challenge = headers["www-authenticate"];
  const words = body?.error_description ?? body?.detail ?? body?.text?.join(" ");
  say(place, () => {
    if (status === 0) return text("unreachable");
    if (status === 429) return text("retryAfter", { seconds: headers["retry-after"] });
    const said = words ?? text("failed", { status });
    return challenge ? [said, element("code", {}, `WWW-Authenticate: ${challenge}`)] : said;
  });
}

// Rendering ------------------------------------------------------------------------------------

function render() {
  const signedIn = client.access !== null;
  byId("signed-in").hidden = !signedIn;
  byId("signed-out").hidden = client.isSignedIn;
  byId("waiting").hidden = signedIn || !client.isSignedIn;
  if (!signedIn) return;
  renderToken();
  renderNotes();
  renderSessions();
  parties.render();
}

function renderToken() {
  const { token, lifetime } = client.access;
  const { header, claims } = readToken(token);
  const parts = ["header", "claims", "signature"];
  byId("who").replaceChildren(text("signedInAs", { name: claims.preferred_username }));
  byId("token").replaceChildren(
    ...token.split(".").flatMap((part, i) => [
      ...(i ? ["."] : []),
      element("span", { className: parts[i] }, part),
    ]),
  );
  byId("token-header").replaceChildren(...Object.entries(header).flatMap(renderClaim));
  byId("token-claims").replaceChildren(...Object.entries(claims).flatMap(renderClaim));
  byId("lifetime").max = lifetime;
  countDown();
  renderKey();
}

function renderKey() {
  const known = checked?.token === client.access.token ? checked : null;
  byId("verdict").textContent = known ? text(`verdict_${known.verdict}`) : "";
  byId("verdict").dataset.verdict = known?.verdict ?? "";
  const { kid, alg, key } = known ?? {};
  const shown = Object.entries({ kid, alg, x: key?.x }).filter(([, value]) => value);
  byId("token-key").replaceChildren(...shown.flatMap(renderClaim));
}

function renderClaim([name, value]) {
  const time = TIMES.includes(name) ? date(value * 1000, { timeStyle: "medium" }) : "";
  const shown = typeof value === "string" ? value : JSON.stringify(value);
  const meaning = element("small", {}, text(`claim_${name}`, { time }));
  return [element("dt", { translate: false }, name), element("dd", {}, shown, meaning)];
}

function countDown() {
  if (!client.access) return;
  const left = Math.max(0, client.access.expiresAt - Date.now());
  const seconds = Math.ceil(left / 1000);
  const time = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  byId("remaining").textContent = seconds ? text("remaining", { time }) : text("expired");
  byId("lifetime").value = left;
}

function renderNotes() {
  const rows = notes.map(({ id, text: words, created_at }) =>
    element(
      "li",
      {},
      element("div", {}, words, element("small", {}, date(created_at))),
      action("delete-note", text("delete"), text("deleteNote", { text: words }), { id }),
    ),
  );
  const empty = element("li", { className: "empty" }, text("noNotes"));
  byId("notes").replaceChildren(...(rows.length ? rows : [empty]));
}

function renderSessions() {
  byId("sessions").replaceChildren(
    ...sessions.map((session) => {
      const name = session.device_name || text("unnamed");
      const mark = element("span", { className: "mark" }, text("thisSession"));
      const about = [
        text("signedInAt", { time: date(session.created_at) }),
        text("refreshedAt", { time: date(session.refreshed_at) }),
        session.scope,
      ];
      return element(
        "li",
        {},
        element(
          "div",
          {},
          element("span", {}, name, ...(session.current ? [" ", mark] : [])),
          ...about.filter(Boolean).map((line) => element("small", {}, line)),
        ),
        action("sign-out-session", text("signOut"), text("signOutSession", { name }), {
          id: session.id,
        }),
      );
    }),
  );
}

function renderWords() {
  for (const place of document.querySelectorAll("[data-text]")) {
    place.textContent = text(place.dataset.text);
  }
  for (const input of document.querySelectorAll("[data-label]")) {
    input.ariaLabel = input.placeholder = text(input.dataset.label);
  }
  for (const [place, content] of messages) say(place, content);
}

function chooseLanguage(language) {
  setLanguage(language);
  client.language = language;
  document.documentElement.lang = language;
  for (const button of document.querySelectorAll(".languages button")) {
    button.ariaPressed = String(button.value === language);
  }
  signInForm.elements.device_name.defaultValue = text("deviceDefault"); // keeps what the user typed
  renderWords();
  render();
}

// The log --------------------------------------------------------------------------------------

function logExchange({ request, response }) {
  const status = response.status || text("noResponse");
  const kind = response.status >= 200 && response.status < 300 ? "success" : "failure";
  const what = response.body?.error ?? challengeError(response);
  const time = date(Date.now(), { timeStyle: "medium", hourCycle: "h23" });
  const entry = element(
    "details",
    {},
    element(
      "summary",
      {},
      element("time", {}, time),
      element("span", { className: "method" }, request.method),
      element("span", { className: "path" }, request.path),
      element("span", { className: `status ${kind}` }, [status, what].filter(Boolean).join(" ")),
    ),
    element("pre", {}, `${request.method} ${request.url}\n${describe(sentHeaders(request), request)}`),
    element("pre", {}, `${status}\n${describe(shownHeaders(response), response)}`),
  );
  const log = byId("log");
  log.prepend(element("li", {}, entry));
  while (log.children.length > LOG_LENGTH) log.lastChild.remove();
}

function challengeError({ headers }) {
  return headers["www-authenticate"]?.match(/error="(\w+)"/)?.[1];
}

// The browser adds Origin, which scripts cannot read. The CORS headers of the API depend on it.
function sentHeaders({ headers }) {
  const shown = { Origin: location.origin, ...headers };
  const token = headers.Authorization?.split(" ")[1];
  if (token) shown.Authorization = `Bearer ${shorten(token)}`;
  return shown;
}

function shownHeaders({ headers }) {
  const shown = SHOWN_HEADERS.map((name) => [name, headers[name.toLowerCase()]]);
  return Object.fromEntries(shown.filter(([, value]) => value));
}

function describe(headers, { body }) {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\n`);
  return lines.join("") + (body == null ? "" : `\n${JSON.stringify(body, withoutSecrets, 2)}`);
}

function withoutSecrets(name, value) {
  if (name === "password") return "••••••••";
  return ["access_token", "refresh_token", "token"].includes(name) ? shorten(value) : value;
}

// Verification ---------------------------------------------------------------------------------

async function check(token) {
  // After a rotation the key is not known yet.
  if (!published.keys.some(({ kid }) => kid === readHeader(token).kid)) {
    const response = await client.requestWith(null, "GET", JWKS);
    if (response.status === 200) published = response.body;
  }
  return verify(token, published);
}

async function checkToken() {
  const { token } = client.access;
  checked = { token, ...(await check(token)) };
  if (client.access) renderKey();
}

// Actions --------------------------------------------------------------------------------------

async function listNotes() {
  const response = await client.request("GET", "/notes/");
  if (response.status !== 200) return explain("notes", response);
  notes = response.body;
  renderNotes();
}

async function listSessions() {
  const response = await client.request("GET", "/auth/sessions/");
  if (response.status !== 200) return explain("sessions", response);
  say("sessions", null);
  sessions = response.body;
  renderSessions();
}

const ACTIONS = {
  async refresh() {
    const response = await client.refresh();
    if (response?.status === 200) say("token", () => text("refreshed"));
    else if (response) explain(client.access ? "token" : "waiting", response);
  },

  async tamper() {
    const { token, ...change } = tamper(client.access.token);
    const { status, headers } = await client.requestWith(token, "GET", "/notes/");
    const said = `${status}\nWWW-Authenticate: ${headers["www-authenticate"]}`;
    const { verdict } = await check(token);
    say("token", () => [
      text("tampered", change),
      element("code", {}, said),
      text(`verdict_${verdict}`),
    ]);
  },

  async "delete-note"({ dataset }) {
    const response = await client.request("DELETE", `/notes/${dataset.id}/`);
    if (response.status !== 204 && response.status !== 404) return explain("notes", response);
    say("notes", null);
    writeForm.elements.text.focus();
    await listNotes();
  },

  async "create-report"() {
    say("parties", null);
    const { response, report } = await parties.createReport(client);
    if (report) say("parties", () => text("reportCreated", report));
    else if (response && client.access) explain("parties", response);
  },

  "list-sessions": listSessions,

  async "sign-out-session"({ dataset }) {
    if (sessions.find(({ id }) => id === dataset.id).current) return ACTIONS["sign-out"]();
    const response = await client.request("DELETE", `/auth/sessions/${dataset.id}/`);
    if (response.status !== 204 && response.status !== 404) return explain("sessions", response);
    await listSessions();
  },

  async "sign-out-others"() {
    const response = await client.request("DELETE", "/auth/sessions/?keep=current");
    if (response.status !== 204) return explain("sessions", response);
    await listSessions();
  },

  async "sign-out"() {
    await client.signOut();
    signInForm.elements.username.focus();
  },

  "clear-log"() {
    byId("log").replaceChildren();
  },
};

// Ignore a second click while the first one is in progress.
async function once(control, work) {
  if (control.ariaBusy === "true") return;
  control.ariaBusy = "true";
  try {
    await work();
  } finally {
    control.ariaBusy = null;
  }
}

document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-action]");
  if (button) once(button, () => ACTIONS[button.dataset.action](button));
});

signInForm.addEventListener("submit", (event) => {
  event.preventDefault();
  const { username, password, device_name, readOnly } = signInForm.elements;
  once(signInForm, async () => {
    say("sign-in", null);
    const response = await client.signIn({
      username: username.value,
      password: password.value,
      device_name: device_name.value,
      ...(readOnly.checked ? { scope: "notes:read" } : {}),
    });
    if (response.status !== 200) return explain("sign-in", response);
    password.value = "";
    byId("who").focus();
  });
});

writeForm.addEventListener("submit", (event) => {
  event.preventDefault();
  const { text: input } = writeForm.elements;
  once(writeForm, async () => {
    const response = await client.request("POST", "/notes/", { text: input.value });
    if (response.status !== 201) return explain("notes", response);
    say("notes", null);
    input.value = "";
    await listNotes();
  });
});

for (const button of document.querySelectorAll(".languages button")) {
  button.addEventListener("click", () => {
    localStorage.setItem(LANGUAGE_STORED, button.value);
    chooseLanguage(button.value);
  });
}

client.addEventListener("exchange", ({ detail }) => logExchange(detail));

client.addEventListener("change", ({ detail }) => {
  const session = client.access && readToken(client.access.token).claims.sid;
  const isNew = session !== shownSession;
  shownSession = session;
  if (isNew) {
    notes = [];
    sessions = [];
    for (const place of messages.keys()) say(place, null);
    if (detail.inactive) say("sign-in", () => text("sessionInactive"));
    else if (!client.isSignedIn) say("sign-in", () => text("signedOut"));
  }
  render();
  if (client.access && checked?.token !== client.access.token) checkToken();
  if (isNew && session) Promise.all([listNotes(), listSessions(), parties.update()]);
});

const wanted = localStorage.getItem(LANGUAGE_STORED) ?? navigator.language.split("-")[0];
chooseLanguage(wanted in STRINGS ? wanted : "en");
setInterval(countDown, 1000);
setInterval(() => client.access && !document.hidden && parties.update(), 2000);
if (client.isSignedIn) {
  const response = await client.refresh();
  if (response && byId("signed-in").hidden) explain("waiting", response);
}
