// Composes a running service with a catalog made here, and asks both through a gateway. Arguments: the address of the service,
// its key, a file with {lists, queries} as JSON. Prints as JSON what composition said, the supergraph, and the answers by name.
import { readFile } from "node:fs/promises";
import { composeServices } from "@apollo/composition";
import { ApolloGateway, RemoteGraphQLDataSource } from "@apollo/gateway";
import { ApolloServer } from "@apollo/server";
import { ApolloServerPluginInlineTraceDisabled } from "@apollo/server/plugin/disabled";
import { startStandaloneServer } from "@apollo/server/standalone";
import { buildSubgraphSchema } from "@apollo/subgraph";
import { parse } from "graphql";

const [url, key, file] = process.argv.slice(2);
const { lists, queries } = JSON.parse(await readFile(file));

const typeDefs = parse(`
  extend schema
    @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key", "@external", "@requires", "@shareable"])

  type Query {
    datasets: [Dataset!]!
    operations: [Operation!]!
    models: [Model!]!
    predictions: [Prediction!]!
  }

  type Dataset @key(fields: "namespace name") {
    namespace: String!
    name: String!
    tags: [String!]! @external
    owners: [String!]! @external
    steward: String
    label: String! @requires(fields: "tags owners")
  }

  type Operation @key(fields: "namespace name") {
    namespace: String!
    name: String!
    runbook: String
  }

  type Model @key(fields: "namespace name") {
    namespace: String!
    name: String!
    card: String
    pages: PageInfo!
  }

  type Prediction @key(fields: "id") {
    id: ID!
    reviewed: Boolean!
  }

  type PageInfo @shareable {
    hasNextPage: Boolean!
    hasPreviousPage: Boolean!
    startCursor: String
    endCursor: String
  }
`);
const resolvers = {
  Query: Object.fromEntries(Object.entries(lists).map(([name, list]) => [name, () => list])),
  Dataset: {
    __resolveReference: (key) => key,
    steward: ({ name }) => `steward of ${name}`,
    label: ({ tags, owners }) => [...tags, ...owners].join(" "),
  },
  Operation: { __resolveReference: (key) => key, runbook: ({ name }) => `runbook of ${name}` },
  Model: {
    __resolveReference: (key) => key,
    card: ({ name }) => `card of ${name}`,
    pages: () => ({ hasNextPage: false, hasPreviousPage: false }),
  },
  Prediction: { __resolveReference: (key) => key, reviewed: () => true },
};

async function ask(query) {
  const answer = await fetch(`${url}/graphql`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${key}` },
    body: JSON.stringify({ query }),
  });
  return await answer.json();
}

const sdl = (await ask("{ _service { sdl } }")).data._service.sdl;
const catalog = new ApolloServer({
  schema: buildSubgraphSchema({ typeDefs, resolvers }),
  plugins: [ApolloServerPluginInlineTraceDisabled()], // else it says on our output that it is on
});
const { url: catalogUrl } = await startStandaloneServer(catalog, { listen: { host: "127.0.0.1", port: 0 } });
const composed = composeServices([
  { name: "lineage", typeDefs: parse(sdl), url: `${url}/graphql` },
  { name: "catalog", typeDefs, url: catalogUrl },
]);
const told = {
  errors: (composed.errors ?? []).map(String),
  hints: (composed.hints ?? []).map((hint) => `${hint.definition.code}: ${hint.message}`),
  supergraph: composed.supergraphSdl,
  answers: {},
};
if (composed.supergraphSdl) {
  const buildService = ({ name, url }) =>
    new RemoteGraphQLDataSource({
      url,
      willSendRequest({ request }) {
        if (name === "lineage") request.http.headers.set("authorization", `Bearer ${key}`);
      },
    });
  const gateway = new ApolloServer({ gateway: new ApolloGateway({ supergraphSdl: composed.supergraphSdl, buildService }) });
  await gateway.start();
  for (const [name, query] of Object.entries(queries)) {
    const { body } = await gateway.executeOperation({ query });
    told.answers[name] = body.singleResult;
  }
  await gateway.stop();
}
await catalog.stop();
console.log(JSON.stringify(told));
