// Sign with jsonwebtoken: read lines of header, tab and claims, and print the tokens.
import { createInterface } from "node:readline";
import jsonwebtoken from "jsonwebtoken";

const { ALGORITHM, PRIVATE_PEM, SECRET } = process.env;

for await (const line of createInterface({ input: process.stdin })) {
  const [header, claims] = line.split("\t").map((part) => JSON.parse(part));
  console.log(jsonwebtoken.sign(claims, SECRET ?? PRIVATE_PEM, { algorithm: ALGORITHM, header }));
}
