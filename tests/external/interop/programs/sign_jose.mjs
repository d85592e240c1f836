// Sign with jose: read lines of header, tab and claims, and print the tokens.
import { createInterface } from "node:readline";
import { SignJWT, importPKCS8 } from "jose";

const { ALGORITHM, PRIVATE_PEM, SECRET } = process.env;
const key = ALGORITHM === "HS256"
  ? new TextEncoder().encode(SECRET)
  : await importPKCS8(PRIVATE_PEM, ALGORITHM);

for await (const line of createInterface({ input: process.stdin })) {
  const [header, claims] = line.split("\t").map((part) => JSON.parse(part));
  console.log(await new SignJWT(claims).setProtectedHeader(header).sign(key));
}
