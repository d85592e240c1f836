// Verify tokens like docs/verify/verify.mjs, with jsonwebtoken, which has no JWKS and no EdDSA.
import { createPublicKey } from "node:crypto";
import { createInterface } from "node:readline";
import jsonwebtoken from "jsonwebtoken";

const { ALGORITHM, AUDIENCE, ISSUER, JWKS_URL, SECRET } = process.env;
const keys = new Map();
if (JWKS_URL) {
  for (const jwk of (await (await fetch(JWKS_URL)).json()).keys) {
    keys.set(jwk.kid, createPublicKey({ key: jwk, format: "jwk" }));
  }
}

function verify(token) {
  const kid = jsonwebtoken.decode(token, { complete: true })?.header.kid;
  const { header, payload } = jsonwebtoken.verify(token, SECRET ?? keys.get(kid), {
    algorithms: [ALGORITHM],
    issuer: ISSUER,
    audience: AUDIENCE,
    complete: true,
  });
  // jsonwebtoken checks none of these.
  if (header.typ !== "at+jwt" || "crit" in header || payload.exp === undefined) {
    throw new Error("not an access token");
  }
  return payload;
}

for await (const token of createInterface({ input: process.stdin })) {
  let result;
  try {
    result = { claims: verify(token) };
  } catch (error) {
    result = { error: `${error}` };
  }
  console.log(JSON.stringify(result));
}
