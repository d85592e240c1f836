// Who calls whom, with which token: the calls of this page to the report service, and the latest
// accepted calls to the API with a token. The server of the page lists the latter without tokens.

import { element } from "./elements.js";
import { date, text } from "./strings.js";
import { readToken } from "./token.js";

const AUDIENCE = "https://reports.example.com";

export class Parties {
  #own = []; // the calls of this page to the report service
  #others = []; // the calls to the API

  constructor(reports) {
    this.reports = reports;
  }

  // Return { response, report }. Without a report, the response says why.
  async createReport(client) {
    const issued = await client.tokenFor(AUDIENCE);
    if (issued?.status !== 200) return { response: issued };
    const token = issued.body.access_token;
    const response = await client.requestWith(token, "POST", "/reports/", this.reports);
    const { aud, scope } = readToken(token).claims;
    this.#own.unshift({
      time: Date.now(),
      caller: "browser",
      callee: "reports",
      method: "POST",
      path: "/reports/",
      status: response.status,
      sent: { kind: "access_token", aud, scope },
    });
    await this.update();
    return { response, report: response.status === 201 ? response.body : null };
  }

  async update() {
    try {
      this.#others = await (await fetch("calls.json", { cache: "no-store" })).json();
    } catch {
      return; // The server of the page has stopped. Keep what is known.
    }
    this.render();
  }

  render() {
    const calls = [...this.#own, ...this.#others];
    calls.sort((one, other) => other.time - one.time);
    // Of equal calls, keep the newest.
    const kinds = new Set();
    const newest = calls.filter(({ time, ...call }) => {
      const kind = JSON.stringify({ ...call, sent: { ...call.sent, last_four: "" } });
      return !kinds.has(kind) && kinds.add(kind);
    });
    document.getElementById("calls").replaceChildren(...newest.map(renderCall));
  }
}

function renderCall({ time, caller, callee = "api", method, path, status, sent, received }) {
  const kind = status >= 200 && status < 400 ? "success" : "failure";
  return element(
    "li",
    {},
    element(
      "div",
      { className: "parties" },
      element("time", {}, date(time, { timeStyle: "medium", hourCycle: "h23" })),
      party(caller),
      element("span", { className: "arrow", ariaHidden: "true" }, "→"),
      party(callee),
      element("code", {}, `${method} ${path}`),
      element("span", { className: `status ${kind}` }, status || text("noResponse")),
    ),
    ...[
      ["sends", sent],
      ["gets", received],
    ]
      .filter(([, token]) => token)
      .map(([verb, token]) => renderRights(verb, token)),
  );
}

function party(name) {
  // A client without a string is shown by its client id.
  const label = text(`party_${name}`) || name;
  return element("span", { className: "party" }, label);
}

function renderRights(verb, { kind, aud, scope, actor, last_four }) {
  const parts = [
    text(`kind_${kind}`),
    last_four && `…${last_four}`,
    aud && text("rightsAudience", { aud }),
    scope && text("rightsScope", { scope }),
    actor && text("rightsActor", { actor }),
  ];
  return element(
    "p",
    { className: "rights" },
    element("strong", {}, text(verb)),
    " ",
    parts.filter(Boolean).join(" · "),
  );
}
