// What anybody can do with a token who has the public keys: tell whether the server made it. The
// browser does the cryptography (Ed25519, RFC 8037).

import { bytes, readHeader } from "./token.js";

export const JWKS = "/.well-known/jwks.json";

// { kid, alg, key, verdict }: the key is one of `keys`, a JWK Set. The verdict is "good", "bad",
// "missing" (there is no such key), or "unable" where the browser cannot do it.
export async function verify(token, { keys }) {
  const { kid, alg } = readHeader(token);
  const key = keys.find((one) => one.kid === kid);
  if (!key) return { kid, alg, verdict: "missing" };
  return { kid, alg, key, verdict: await judge(token, key) };
}

async function judge(token, { kty, crv, x }) {
  // Browsers have it on https and on this machine only.
  if (!globalThis.crypto?.subtle) return "unable";
  let key;
  try {
    key = await crypto.subtle.importKey("jwk", { kty, crv, x }, "Ed25519", false, ["verify"]);
  } catch {
    // An older browser, or a key of another type.
    return "unable";
  }
  const end = token.lastIndexOf(".");
  const signed = new TextEncoder().encode(token.slice(0, end));
  const signature = bytes(token.slice(end + 1));
  return (await crypto.subtle.verify("Ed25519", key, signature, signed)) ? "good" : "bad";
}
