// The answers to a subscription as server-sent events bring them, in graphql-sse's mode of one connection for each.
export async function* events(send, url, request, headers) {
  const leaving = new AbortController();
  try {
    const answer = await send(url, {
      method: "POST",
      headers: { ...headers, "Content-Type": "application/json", Accept: "text/event-stream" },
      body: JSON.stringify(request),
      signal: leaving.signal,
    });
    if (!answer.headers.get("Content-Type")?.startsWith("text/event-stream")) {
      yield await answer.json();
      return;
    }
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text += value;
      const parts = text.split("\n\n");
      text = parts.pop();
      for (const part of parts) {
        const lines = part.split("\n");
        if (lines.includes("event: complete")) return;
        const data = lines.filter((line) => line.startsWith("data:")).map((line) => line.slice(5));
        if (lines.includes("event: next")) yield JSON.parse(data.join("\n"));
      }
    }
  } finally {
    leaving.abort();
  }
}
