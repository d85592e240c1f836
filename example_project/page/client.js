// The client side of a sign-in: it stores the tokens and refreshes them. Copy this module for a page
// of your own; it does not depend on page.js.
//
// Events: "change" after a sign-in, a sign-out, a new access token or a failed refresh
// (detail.inactive is true if the session is expired or revoked); "exchange" after each request,
// with the request and the response.

import { readToken } from "./token.js";

const STORED = "tokenauth.refresh_token";

export class TokenClient extends EventTarget {
  // In memory only: closing the tab deletes it.
  #access = null;

  constructor(api) {
    super();
    this.api = api;
    this.language = "en";
    addEventListener("storage", (event) => this.#followOtherTabs(event));
  }

  // { token, lifetime, expiresAt } or null. Times are in milliseconds of the local clock, counted
  // from the response, because the clock of the server may differ.
  get access() {
    return this.#access;
  }

  // Also true if a refresh token is stored but the server cannot be reached.
  get isSignedIn() {
    return localStorage.getItem(STORED) !== null;
  }

  async signIn(credentials) {
    const response = await this.#send("POST", "/auth/token/", credentials);
    if (response.status === 200) this.#keep(response.body);
    return response;
  }

  async signOut() {
    await onlyOneTab(async () => {
      const token = localStorage.getItem(STORED);
      localStorage.removeItem(STORED);
      this.#drop();
      if (token) await this.#send("POST", "/auth/token/revoke/", { token });
    });
  }

  // Get new tokens, unless another call did so while this one waited. `stale` is the access token to
  // replace.
  async refresh(stale = this.#access?.token) {
    return onlyOneTab(async () => {
      if (this.#access && this.#access.token !== stale) return null;
      const response = await this.#refresh();
      if (response?.status === 200) this.#keep(response.body);
      return response;
    });
  }

  // Get an access token for another service. The access token for the API is kept.
  async tokenFor(resource) {
    return onlyOneTab(async () => {
      const response = await this.#refresh({ resource });
      if (response?.status === 200) localStorage.setItem(STORED, response.body.refresh_token);
      return response;
    });
  }

  async #refresh(parameters = {}) {
    const token = localStorage.getItem(STORED);
    if (!token) return null;
    const body = { refresh_token: token, ...parameters };
    const response = await this.#send("POST", "/auth/token/refresh/", body);
    if (response.status === 400 && response.body?.error === "invalid_grant") {
      // Only this response means that the session is expired or revoked. After any other response
      // or error (no network, 503, 429), the refresh token is still valid.
      if (localStorage.getItem(STORED) === token) localStorage.removeItem(STORED);
      this.#drop({ inactive: true });
    } else if (response.status !== 200) {
      this.#changed();
    }
    return response;
  }

  // Send a request to the API. If the server rejects the access token, refresh it and retry once.
  async request(method, path, body) {
    if (!this.#access) await this.refresh();
    const used = this.#access?.token;
    const response = await this.#send(method, path, body, used);
    if (!isInvalidToken(response)) return response;
    await this.refresh(used);
    if (!this.#access || this.#access.token === used) return response;
    return this.#send(method, path, body, this.#access.token);
  }

  // Send a request with this token, without a refresh. `origin` is that of another service.
  async requestWith(token, method, path, origin) {
    return this.#send(method, path, undefined, token, origin);
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

  // The browser sends storage events for changes by other tabs only.
  #followOtherTabs({ key }) {
    if (key !== STORED && key !== null) return;
    const stored = localStorage.getItem(STORED);
    if (!stored) {
      this.#drop();
    } else if (!this.#access || sessionOf(stored) !== sessionOf(this.#access.token)) {
      // Another tab signed in. After a refresh in another tab, the token here stays valid.
      this.#access = null;
      this.refresh();
    }
  }

  async #send(method, path, body, token, origin = this.api) {
    const headers = { Accept: "application/json", "Accept-Language": this.language };
    if (body) headers["Content-Type"] = "application/json";
    if (token) headers.Authorization = `Bearer ${token}`;
    const url = origin + path;
    let response;
    try {
      const fetched = await fetch(url, {
        method,
        headers,
        body: body && JSON.stringify(body),
        credentials: "omit",
        cache: "no-store",
      });
      const text = await fetched.text();
      response = {
        status: fetched.status,
        headers: Object.fromEntries(fetched.headers),
        body: readJson(text),
      };
    } catch {
      // No network, no server, or a response that CORS does not allow this origin to read.
      response = { status: 0, headers: {}, body: null };
    }
    const request = { method, url, path, headers, body };
    this.dispatchEvent(new CustomEvent("exchange", { detail: { request, response } }));
    return response;
  }
}

// Tabs share one refresh token, and each refresh replaces it, so only one tab may refresh at a
// time. Without Web Locks (on http, except localhost), the server's grace period covers a repeated
// refresh.
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
