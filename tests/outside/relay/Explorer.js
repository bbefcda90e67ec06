// What a client built with Relay would ask: pages that load more, fragments that are fetched anew, changes. Relay leaves out
// arguments that are a literal null, so what is null on purpose is a variable.
import { graphql } from "relay-runtime";

export const question = graphql`
  query ExplorerQuery($of: [ID!]!, $id: ID!, $text: String!) {
    lineage(of: $of, direction: DOWNSTREAM, depth: 2) {
      nodes {
        depth
        entity {
          ...Explorer_entity
        }
      }
      edges {
        source
        target
        evidence {
          lastSeen
        }
      }
      answer {
        complete
        epoch
      }
    }
    node(id: $id) {
      ...Explorer_dataset @alias(as: "dataset")
      ...Explorer_job @alias(as: "job")
    }
    ...Explorer_found @arguments(text: $text)
    ...Explorer_impact @arguments(of: $of)
  }
`;

export const entity = graphql`
  fragment Explorer_entity on Entity
  @refetchable(queryName: "ExplorerEntityQuery")
  @argumentDefinitions(
    depth: { type: "Int" }
    first: { type: "Int", defaultValue: 20 }
    after: { type: "String" }
  ) {
    id
    kind
    name
    upstream(depth: $depth, first: $first, after: $after) @connection(key: "Explorer_upstream") {
      edges {
        depth
        via {
          id
        }
        node {
          id
          name
        }
      }
    }
  }
`;

export const dataset = graphql`
  fragment Explorer_dataset on Dataset
  @refetchable(queryName: "ExplorerDatasetQuery")
  @argumentDefinitions(first: { type: "Int", defaultValue: 100 }, after: { type: "String" }) {
    id
    columns(first: $first, after: $after) @connection(key: "Explorer_columns") {
      edges {
        node {
          name
          type
          ordinal
        }
      }
      totalCount
    }
  }
`;

export const job = graphql`
  fragment Explorer_job on Job
  @refetchable(queryName: "ExplorerJobQuery")
  @argumentDefinitions(first: { type: "Int", defaultValue: 20 }, after: { type: "String" }) {
    runs(first: $first, after: $after) @connection(key: "Explorer_runs") {
      edges {
        node {
          state
          startedAt
        }
      }
    }
  }
`;

export const found = graphql`
  fragment Explorer_found on Query
  @refetchable(queryName: "ExplorerFoundQuery")
  @argumentDefinitions(
    text: { type: "String!" }
    first: { type: "Int", defaultValue: 20 }
    after: { type: "String" }
  ) {
    search(text: $text, first: $first, after: $after) @connection(key: "Explorer_search") {
      edges {
        node {
          ... on Dataset {
            lifecycle
          }
          ...Explorer_entity
        }
      }
    }
  }
`;

export const impact = graphql`
  fragment Explorer_impact on Query
  @refetchable(queryName: "ExplorerImpactQuery")
  @argumentDefinitions(
    of: { type: "[ID!]!" }
    first: { type: "Int", defaultValue: 20 }
    after: { type: "String" }
  ) {
    impact(of: $of) {
      summary {
        total
      }
      affected(first: $first, after: $after, orderBy: IMPACT_LEVEL) @connection(key: "Explorer_affected") {
        edges {
          impactLevel
          node {
            ...Explorer_entity
          }
        }
      }
    }
  }
`;

export const training = graphql`
  mutation ExplorerTrainingMutation($input: TrackModelTrainingInput!) {
    trackModelTraining(input: $input) {
      model {
        id
        ...Explorer_entity
      }
      errors {
        code
        message
        field
      }
    }
  }
`;

export const changes = graphql`
  subscription ExplorerChangesSubscription($of: [ID!]!, $since: String) {
    lineageChanged(of: $of, direction: DOWNSTREAM, since: $since) {
      nodesAdded
      nodesRemoved
      edgesAdded {
        source
        target
      }
      epoch
    }
  }
`;
