// Verify the signature of a token with the public keys of the server. The browser does the
// cryptography (Ed25519, RFC 8037).

import { bytes, readHeader } from "./token.js";

export const JWKS = "/.well-known/jwks.json";

// Return { kid, alg, key, verdict }. The key is one of `keys`, a JWK Set. The verdict is "valid",
// "invalid", "missing" (no key has this kid) or "unsupported" (by this browser).
export async function verify(token, { keys }) {
  const { kid, alg } = readHeader(token);
  const key = keys.find((one) => one.kid === kid);
  if (!key) return { kid, alg, verdict: "missing" };
  return { kid, alg, key, verdict: await checkSignature(token, key) };
}

async function checkSignature(token, { kty, crv, x }) {
  // Browsers provide it only on https and on localhost.
  if (!globalThis.crypto?.subtle) return "unsupported";
  let key;
  try {
    key = await crypto.subtle.importKey("jwk", { kty, crv, x }, "Ed25519", false, ["verify"]);
  } catch {
    // An older browser, or a key of another type.
    return "unsupported";
  }
  const end = token.lastIndexOf(".");
  const signed = new TextEncoder().encode(token.slice(0, end));
  const signature = bytes(token.slice(end + 1));
  return (await crypto.subtle.verify("Ed25519", key, signature, signed)) ? "valid" : "invalid";
}
