import "graphiql/setup-workers/vite";
import "graphiql/style.css";
import "./page.css";

import { HISTORY_PLUGIN, GraphiQL } from "graphiql";
import { createRoot } from "react-dom/client";

import { fetcher } from "./fetcher.js";
import { Key } from "./key.jsx";
import { isNarrow, QUESTIONS, questions } from "./questions.jsx";

function Page() {
  return (
    <>
      <Key />
      <GraphiQL
        fetcher={fetcher}
        plugins={[QUESTIONS, HISTORY_PLUGIN]}
        visiblePlugin={isNarrow() ? undefined : QUESTIONS}
        defaultQuery={questions[0].query}
        defaultEditorToolsVisibility={false}
      >
        <GraphiQL.Logo>Headwater</GraphiQL.Logo>
      </GraphiQL>
    </>
  );
}

createRoot(document.getElementById("root")).render(<Page />);
