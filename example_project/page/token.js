// Read and change a token without a key.

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

export function readToken(token) {
  const [header, claims] = token.split(".", 2).map(readPart);
  return { header, claims };
}

// Read only the header, also of a token whose claims are not valid JSON.
export function readHeader(token) {
  return readPart(token.split(".", 1)[0]);
}

function readPart(part) {
  return JSON.parse(new TextDecoder().decode(bytes(part)));
}

// Decode base64url.
export function bytes(part) {
  const text = atob(part.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}

// Change one character of the claims, but not the last one: decoders may ignore some of its bits.
export function tamper(token) {
  const [header, claims, signature] = token.split(".");
  const at = Math.floor(Math.random() * (claims.length - 1));
  const before = claims[at];
  const step = 1 + Math.floor(Math.random() * (ALPHABET.length - 1));
  const after = ALPHABET[(ALPHABET.indexOf(before) + step) % ALPHABET.length];
  const changed = claims.slice(0, at) + after + claims.slice(at + 1);
  return { token: [header, changed, signature].join("."), position: at + 1, before, after };
}

export function shorten(token) {
  return token.length > 24 ? `${token.slice(0, 10)}…${token.slice(-5)}` : token;
}
