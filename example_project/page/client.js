// The client's half of a sign-in: which token is kept where, and who refreshes when. This is the
// part to take for a page of your own; it knows nothing of what page.js shows.
//
// Events: "change" when somebody signed in or out, has a new access token or could not get one
// (detail.ended is true when the server ended the session); "exchange" after each request, with all
// that was sent and answered.

import { readToken } from "./token.js";

const STORED = "tokenauth.refresh_token";

export class TokenClient extends EventTarget {
  // In memory only: it is in no storage, and gone with the tab.
  #access = null;

  constructor(api) {
    super();
    this.api = api;
    this.language = "en";
    addEventListener("storage", (event) => this.#followOtherTabs(event));
  }

  // { token, lifetime, expiresAt } in milliseconds of this machine's clock, or null. Counted from
  // the moment of the answer, for this clock and the server's may differ.
  get access() {
    return this.#access;
  }

  // True also when the server could not be reached to get an access token.
  get isSignedIn() {
    return localStorage.getItem(STORED) !== null;
  }

  async signIn(credentials) {
    const answer = await this.#send("POST", "/auth/token/", credentials);
    if (answer.status === 200) this.#keep(answer.body);
    return answer;
  }

  async signOut() {
    await onlyOneTab(async () => {
      const token = localStorage.getItem(STORED);
      localStorage.removeItem(STORED);
      this.#drop();
      if (token) await this.#send("POST", "/auth/token/revoke/", { token });
    });
  }

  // Get new tokens, unless another call did it while this one waited: `stale` is the access token
  // that the caller wants to be rid of.
  async refresh(stale = this.#access?.token) {
    return onlyOneTab(async () => {
      if (this.#access && this.#access.token !== stale) return null;
      const token = localStorage.getItem(STORED);
      if (!token) return null;
      const answer = await this.#send("POST", "/auth/token/refresh/", { refresh_token: token });
      if (answer.status === 200) {
        this.#keep(answer.body);
      } else if (answer.status === 400 && answer.body?.error === "invalid_grant") {
        // Only this answer means that the session is over. After any other one (no network, 503,
        // 429) the refresh token is as good as before.
        if (localStorage.getItem(STORED) === token) localStorage.removeItem(STORED);
        this.#drop({ ended: true });
      } else {
        this.#changed();
      }
      return answer;
    });
  }

  // A request to the API. An access token that the server refuses is replaced, once.
  async request(method, path, body) {
    if (!this.#access) await this.refresh();
    const used = this.#access?.token;
    const answer = await this.#send(method, path, body, used);
    if (!isInvalidToken(answer)) return answer;
    await this.refresh(used);
    if (!this.#access || this.#access.token === used) return answer;
    return this.#send(method, path, body, this.#access.token);
  }

  // A request with just this token, whatever comes of it.
  async requestWith(token, method, path) {
    return this.#send(method, path, undefined, token);
  }

  #keep({ access_token, refresh_token, expires_in }) {
    const lifetime = expires_in * 1000;
    localStorage.setItem(STORED, refresh_token);
    this.#access = { token: access_token, lifetime, expiresAt: Date.now() + lifetime };
    this.#changed();
  }

  #drop(detail) {
    this.#access = null;
    this.#changed(detail);
  }

  #changed(detail = {}) {
    this.dispatchEvent(new CustomEvent("change", { detail }));
  }

  // The browser tells this tab what the others do to the stored token, never what it does itself.
  #followOtherTabs({ key }) {
    if (key !== STORED && key !== null) return;
    const stored = localStorage.getItem(STORED);
    if (!stored) {
      this.#drop();
    } else if (!this.#access || sessionOf(stored) !== sessionOf(this.#access.token)) {
      // Another tab signed in. With a mere refresh there, the token here goes on being good.
      this.#access = null;
      this.refresh();
    }
  }

  async #send(method, path, body, token) {
    const headers = { Accept: "application/json", "Accept-Language": this.language };
    if (body) headers["Content-Type"] = "application/json";
    if (token) headers.Authorization = `Bearer ${token}`;
    const url = this.api + path;
    let answer;
    try {
      const response = await fetch(url, {
        method,
        headers,
        body: body && JSON.stringify(body),
        credentials: "omit",
        cache: "no-store",
      });
      const text = await response.text();
      answer = {
        status: response.status,
        headers: Object.fromEntries(response.headers),
        body: readJson(text),
      };
    } catch {
      // No network, no server, or an answer that CORS keeps from this origin.
      answer = { status: 0, headers: {}, body: null };
    }
    const request = { method, url, path, headers, body };
    this.dispatchEvent(new CustomEvent("exchange", { detail: { request, answer } }));
    return answer;
  }
}

// Tabs share one refresh token, and each refresh replaces it: they take turns. Where the browser
// has no locks (a page over http that is not on this machine), the server's grace for a repeated
// refresh has to do.
function onlyOneTab(work) {
  return navigator.locks ? navigator.locks.request(STORED, work) : work();
}

function isInvalidToken({ status, headers }) {
  return status === 401 && headers["www-authenticate"]?.includes('error="invalid_token"');
}

function sessionOf(token) {
  return readToken(token).claims.sid;
}

function readJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
