// Messages for the templates: checked, and in one form.

/** A call in the history. */
export interface PlainToolCall {
  readonly id?: string | undefined;
  readonly name: string;
  /** JSON text. */
  readonly arguments: string;
}

/** A message as the templates see it: checked, its parts joined. */
export interface PlainMessage {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly content: string;
  /** Of an assistant. */
  readonly toolCalls?: readonly PlainToolCall[] | undefined;
  /** Of an assistant: what it thought before the rest. Formats put it into the prompt if the model is to see it again. */
  readonly reasoning?: string | undefined;
  /** Of a tool's result: the call it answers. */
  readonly toolCallId?: string | undefined;
  /** Of a tool's result: the tool's name, where no call of the conversation has that id. */
  readonly name?: string | undefined;
}
