// What Apollo Client with its link for persisted queries sends to a service, and what it makes of the answers: as JSON, for
// each way to ask {data, sent: [{method, text, status}]}, where `text` says whether the query's was sent.
//   node apollo.js URL [ID]     ID: of the query in a manifest, else its hash
import { createHash } from "node:crypto";
import { ApolloClient, gql, HttpLink, InMemoryCache } from "@apollo/client";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { print } from "graphql";

const [url, id] = process.argv.slice(2);
const found = {};

for (const [way, useGETForHashedQueries] of Object.entries({ post: false, get: true })) {
  const query = gql`
    query Asked($text: String!) {
      search(text: $text, first: 1) {
        totalCount
        ${way}: totalCount
      }
    }
  `;
  const sent = [];
  const counted = async (address, options) => {
    const answer = await fetch(address, options);
    const asked = options.body ?? new URL(address).search;
    sent.push({ method: options.method, text: asked.includes("totalCount"), status: answer.status });
    return answer;
  };
  const generateHash = (document) => id ?? createHash("sha256").update(print(document)).digest("hex");
  const link = new PersistedQueryLink({ generateHash, useGETForHashedQueries }).concat(
    new HttpLink({ uri: url, fetch: counted }),
  );
  const client = new ApolloClient({ link, cache: new InMemoryCache() });
  const data = [];
  for (const text of ["one", "two"]) {
    const answer = await client.query({ query, variables: { text }, fetchPolicy: "no-cache" }).catch((error) => ({
      data: error.errors?.map((each) => each.extensions.code) ?? String(error),
    }));
    data.push(answer.data);
  }
  found[way] = { data, sent };
}
console.log(JSON.stringify(found));
