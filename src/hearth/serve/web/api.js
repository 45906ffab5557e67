// The server's OpenAI-compatible API. Addresses are relative: the page also works behind a proxy that
// serves it under a path. What goes wrong is an ApiError that says which of the page's words fit.

export class ApiError extends Error {
  // `kind`: "network" (never reached), "cut" (lost amid the answer) or "status".
  constructor(kind, { status = 0, message = "", seconds = 0 } = {}) {
    super(message || kind);
    Object.assign(this, { kind, status, seconds });
  }
}

function headers(key) {
  const fields = { "Content-Type": "application/json" };
  if (key) fields.Authorization = `Bearer ${key}`;
  return fields;
}

async function ask(path, options) {
  let reply;
  try {
    reply = await fetch(path, { cache: "no-store", credentials: "omit", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("network");
  }
  if (reply.ok) return reply;
  const body = await reply.json().catch(() => null);
  throw new ApiError("status", {
    status: reply.status, message: String(body?.error?.message ?? reply.statusText),
    seconds: Number(reply.headers.get("Retry-After")) || 0,
  });
}

export async function modelNames(key) {
  const reply = await ask("v1/models", { headers: headers(key) });
  const { data } = await reply.json();
  return data.map((model) => String(model.id));
}

// {watermarked, p_value, tokens_scored, source_id}
export async function detectWatermark(text, key) {
  const reply = await ask("v1/watermark/detect",
    { method: "POST", headers: headers(key), body: JSON.stringify({ text }) });
  return reply.json();
}

// Yields {thought} and {text} as they come, {end} with the finish reason, {usage}, {ignored}, and
// {label}: the metadata object AIGC of an answer that the server labels.
export async function* streamChat(request, key, signal) {
  const body = JSON.stringify({
    ...request, stream: true, stream_options: { include_usage: true },
  });
  const reply = await ask("v1/chat/completions",
    { method: "POST", headers: headers(key), body, signal });
  const ignored = reply.headers.get("X-Hearth-Ignored");
  if (ignored) yield { ignored };
  for await (const data of events(reply.body)) {
    if (data === "[DONE]") return;
    const chunk = JSON.parse(data);
    if (chunk.error) {
      throw new ApiError("status", { status: 500, message: String(chunk.error.message) });
    }
    const choice = chunk.choices?.[0];
    if (chunk.AIGC) yield { label: chunk.AIGC };
    const thought = choice?.delta?.reasoning_content ?? choice?.delta?.reasoning;
    if (thought) yield { thought: String(thought) };
    if (choice?.delta?.content) yield { text: String(choice.delta.content) };
    if (choice?.finish_reason) yield { end: choice.finish_reason };
    if (chunk.usage) yield { usage: chunk.usage };
  }
  throw new ApiError("cut"); // no [DONE]
}

// The `data:` of each server-sent event.
async function* events(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  while (true) {
    let piece;
    try {
      piece = await reader.read();
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new ApiError("cut");
    }
    if (piece.done) return;
    const lines = (rest + piece.value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      if (line.startsWith("data:")) yield line.slice(5).trim();
    }
  }
}
