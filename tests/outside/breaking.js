// Prints what changed from one schema to another, and what of it breaks clients. Arguments: two files; --json for a program.
// Exits with 1 where something breaks.
import { readFile } from "node:fs/promises";
import { diff, DiffRule } from "@graphql-inspector/core";
import { buildSchema } from "graphql";

const LEVELS = ["BREAKING", "DANGEROUS", "NON_BREAKING"];
const [before, after] = process.argv.slice(2);
const schemas = await Promise.all([before, after].map(async (file) => buildSchema(await readFile(file, "utf8"))));
const found = await diff(...schemas, [DiffRule.ignoreDescriptionChanges]);
const changes = found
  .map(({ criticality, path, message }) => ({ level: criticality.level, path, message }))
  .sort((one, other) => LEVELS.indexOf(one.level) - LEVELS.indexOf(other.level));
if (process.argv.includes("--json")) {
  console.log(JSON.stringify(changes));
} else {
  for (const { level, message } of changes) console.log(`${level.padEnd(12)} ${message}`);
  if (!changes.length) console.log("nothing changed");
}
process.exitCode = changes.some(({ level }) => level === "BREAKING") ? 1 : 0;
