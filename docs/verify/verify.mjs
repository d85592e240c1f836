// node verify.mjs < tokens: the claims of each access token that is good, or why it is not.
// npm install jose
import { createInterface } from "node:readline";
import { createRemoteJWKSet, jwtVerify } from "jose";

const { ALGORITHM, AUDIENCE, ISSUER, JWKS_URL, SECRET } = process.env;

// Public keys are read from the URL, and read again when they are five minutes old, or half a
// minute for a token by a key that is not among them. HS256 has a secret instead, which must stay
// on the servers.
const keys = ALGORITHM === "HS256"
  ? new TextEncoder().encode(SECRET)
  : createRemoteJWKSet(new URL(JWKS_URL), { cacheMaxAge: 300_000 });

// The claims of a good token; any other raises an error.
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
  let answer;
  try {
    answer = { claims: await verify(token) };
  } catch (error) {
    answer = { refused: `${error}` };
  }
  console.log(JSON.stringify(answer));
}
