"use client";

import { useChat } from "@ai-sdk/react";
import { useState, type FormEvent } from "react";
import type { ChatMessage } from "@/lib/tools";

export default function Page() {
  const { messages, sendMessage, status, stop, error, clearError } = useChat<ChatMessage>();
  const [question, setQuestion] = useState("");
  const isBusy = status === "submitted" || status === "streaming";

  function ask(event: FormEvent) {
    event.preventDefault();
    if (isBusy || question.trim() === "") return;
    clearError();
    void sendMessage({ text: question });
    setQuestion("");
  }

  return (
    <main>
      <h1>Chat</h1>
      <ol aria-live="polite">
        {messages.map((message) => (
          <li key={message.id} className={message.role} aria-label={message.role === "user" ? "Question" : "Answer"}>
            {message.parts.map((part, index) => (
              <Part key={index} part={part} />
            ))}
          </li>
        ))}
      </ol>
      {status === "submitted" && <p role="status">Thinking …</p>}
      {error !== undefined && <p role="alert">{error.message}</p>}
      <form onSubmit={ask}>
        <input aria-label="Message" value={question} onChange={(event) => setQuestion(event.target.value)} autoFocus />
        {isBusy ? (
          <button type="button" onClick={() => void stop()}>
            Stop
          </button>
        ) : (
          <button>Send</button>
        )}
      </form>
    </main>
  );
}

function Part({ part }: { part: ChatMessage["parts"][number] }) {
  switch (part.type) {
    case "text":
      return <p>{part.text}</p>;
    case "tool-get_weather":
      return (
        <p className="call">
          The weather in {part.input?.city ?? "…"}
          {part.state === "output-available" && `: ${part.output.celsius} °C`}
          {part.state === "output-error" && `: ${part.errorText}`}
        </p>
      );
    default:
      return null; // The beginnings of steps, and reasoning.
  }
}
