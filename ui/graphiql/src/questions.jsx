import { useGraphiQL, useGraphiQLActions } from "@graphiql/react";

// Each file is one question: its first line says in words what the query below it asks of the demo.
const files = import.meta.glob("../questions/*.graphql", { query: "?raw", import: "default", eager: true });

export const questions = Object.keys(files)
  .sort()
  .map((path) => {
    const [first] = files[path].split("\n", 1);
    const [, operation] = files[path].match(/^(?:query|subscription) (\w+)/m);
    return { name: path, title: first.replace(/^#\s*/, ""), operation, query: files[path] };
  });

export const isNarrow = () => window.matchMedia("(max-width: 700px)").matches;

function Questions() {
  const { addTab, run, setOperationName, setVisiblePlugin } = useGraphiQLActions();
  const queryEditor = useGraphiQL((state) => state.queryEditor);
  const ask = (question) => {
    addTab();
    queryEditor?.setValue(question.query);
    setOperationName(question.operation); // else it is that of the tab before until the text was looked at
    run();
    if (isNarrow()) setVisiblePlugin(null); // the answer needs the room
  };
  return (
    <section className="headwater-questions">
      <h2>Questions</h2>
      <p>About the shop of the demo; each opens in a tab of its own and is asked at once.</p>
      <ol>
        {questions.map((question) => (
          <li key={question.name}>
            <button type="button" className="graphiql-un-styled" onClick={() => ask(question)}>
              {question.title}
            </button>
          </li>
        ))}
      </ol>
    </section>
  );
}

function Icon() {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.5" aria-hidden="true">
      <circle cx="12" cy="12" r="9.5" />
      <path d="M9.2 9.3a2.9 2.9 0 1 1 4.2 2.6c-.9.5-1.4 1.1-1.4 2.1v.3" strokeLinecap="round" />
      <circle cx="12" cy="17.4" r="0.6" fill="currentColor" />
    </svg>
  );
}

export const QUESTIONS = { title: "Questions", icon: Icon, content: Questions };
