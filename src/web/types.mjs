// Writes the TypeScript types of decision requests and replies, from the OpenAPI document that the
// server prints. `--check` only compares, and fails if the committed file differs. `ADJACENT` names the
// executable; default: the debug build.
import { execFileSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { compile } from "json-schema-to-typescript";

const here = new URL(".", import.meta.url).pathname;
const FILE = `${here}package/src/api.ts`;
const ROOTS = ["DecisionRequest", "DecisionReply", "Problem"];
/** Longer lists of values, such as currencies, become plain strings. */
const MAX_VALUES = 40;

const executable = process.env.ADJACENT || `${here}../../target/debug/adjacent`;
const document = execFileSync(executable, ["openapi"], { encoding: "utf8", maxBuffer: 2 ** 24 });
const { schemas } = JSON.parse(document.replaceAll("#/components/schemas/", "#/$defs/")).components;
for (const schema of Object.values(schemas)) {
  if (schema.enum?.length > MAX_VALUES) delete schema.enum;
}
const properties = Object.fromEntries(ROOTS.map((name) => [name, { $ref: `#/$defs/${name}` }]));
const types = await compile({ type: "object", properties, $defs: schemas }, "Roots", {
  additionalProperties: false,
  ignoreMinAndMaxItems: true,
  bannerComment: "// Generated from the OpenAPI document by `npm run types`: do not edit.",
  style: { printWidth: 110 },
});
// Only the named types: the root exists to reach them.
const text = types.replace(/export interface Roots \{[^}]*\}\n/, "");
if (process.argv[2] !== "--check") await writeFile(FILE, text);
else if (text !== (await readFile(FILE, "utf8"))) {
  console.error(`${FILE} differs from the OpenAPI document: npm --prefix src/web run types`);
  process.exit(1);
}
