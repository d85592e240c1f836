// Signs with jsonwebtoken: a line of the header, a tab and the claims gives a line of the token.
import { createInterface } from "node:readline";
import jsonwebtoken from "jsonwebtoken";

const { ALGORITHM, PRIVATE_PEM, SECRET } = process.env;

for await (const line of createInterface({ input: process.stdin })) {
  const [header, claims] = line.split("\t").map((part) => JSON.parse(part));
  console.log(jsonwebtoken.sign(claims, SECRET ?? PRIVATE_PEM, { algorithm: ALGORITHM, header }));
}
