// node verify.mjs < tokens: print the claims of each valid access token, or why it is rejected.
// npm install jose
import { createInterface } from "node:readline";
import { createRemoteJWKSet, jwtVerify } from "jose";

const { ALGORITHM, AUDIENCE, ISSUER, JWKS_URL, SECRET } = process.env;

// Fetch the public keys, and again after five minutes. For an unknown key, after half a minute.
// HS256 uses a shared secret. Keep it on the servers.
const keys = ALGORITHM === "HS256"
  ? new TextEncoder().encode(SECRET)
  : createRemoteJWKSet(new URL(JWKS_URL), { cacheMaxAge: 300_000 });

// Return the claims of a valid token. Throws an error for any other.
export async function verify(token) {
  const { payload } = await jwtVerify(token, keys, {
    algorithms: [ALGORITHM],
    typ: "at+jwt",
    issuer: ISSUER,
    audience: AUDIENCE,
    requiredClaims: ["exp", "sub"],
  });
  return payload;
}

for await (const token of createInterface({ input: process.stdin })) {
  let result;
  try {
    result = { claims: await verify(token) };
  } catch (error) {
    result = { error: `${error}` };
  }
  console.log(JSON.stringify(result));
}
