// Prints the findings of graphql-http's server audit as JSON: [{id, name, status, reason}].
import { auditServer } from "graphql-http";

const findings = await auditServer({ url: process.argv[2] });
console.log(JSON.stringify(findings.map(({ id, name, status, reason }) => ({ id, name, status, reason }))));
