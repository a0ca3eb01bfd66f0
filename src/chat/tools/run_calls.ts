// Runs the calls of one turn: approved one after the other, handlers side by side, results in the order of the calls.
import { CaduceusError, describeThrown, invalidArgument } from "../../errors.js";
import { writeCallFailure, writeToolResult, type CallFailure } from "../../format/hermes/prompt/tool_result.js";
import { readOptions } from "../../options/option_checks.js";
import type { SchemaCheck } from "../../schema/read_schema.js";
import type { RoundTrace } from "../diagnostics.js";
import type { ToolCall, ToolResultEvent, ToolRunEvent } from "../reply/reply_events.js";
import type { Approval, ToolSettings } from "./tool_options.js";
import type { Tool } from "./tool.js";
import { unlessAborted } from "../../follow_signal.js";

/** What became of a call. */
type Outcome = Omit<ToolResultEvent, "type" | "id" | "name">;

/**
 * Says of each call that it runs, unless it does not, and then gives one result for each. Throws the signal's reason
 * when it aborts; handlers' signals abort with it, and when the reader leaves.
 */
export async function* runCalls(
  calls: readonly ToolCall[],
  settings: ToolSettings,
  signal: AbortSignal,
  trace: RoundTrace,
): AsyncGenerator<ToolRunEvent | ToolResultEvent, void, undefined> {
  // Handlers that are still running when the reader leaves are told so.
  const leaving = new AbortController();
  const either = AbortSignal.any([signal, leaving.signal]);
  const limit = limited(settings.toolConcurrency);
  try {
    const outcomes: Promise<Outcome>[] = [];
    for (const call of calls) {
      const prepared = await prepareCall(call, settings, either);
      if ("outcome" in prepared) {
        outcomes.push(trace.call(call, () => prepared.outcome));
        continue;
      }
      const { tool, args } = prepared;
      const outcome = limit(() => {
        either.throwIfAborted();
        return trace.call(call, () => runHandler(tool, args, call, settings, either));
      });
      outcome.catch(() => {}); // Whoever awaits it in its turn gets it.
      outcomes.push(outcome);
      yield { type: "tool-run", id: call.id, name: call.name, arguments: args };
    }
    for (const [index, { id, name }] of calls.entries()) {
      const outcome = await (outcomes[index] as Promise<Outcome>);
      signal.throwIfAborted();
      yield { type: "tool-result", id, name, ...outcome };
      signal.throwIfAborted();
    }
  } finally {
    leaving.abort(new CaduceusError("ALREADY_CONSUMED", "The reply was left while this handler ran."));
  }
}

/** The tool and its arguments, or what the model is told instead. */
async function prepareCall(
  call: ToolCall,
  settings: ToolSettings,
  signal: AbortSignal,
): Promise<{ tool: Tool; args: unknown } | { outcome: Outcome }> {
  const tool = settings.tools.get(call.name);
  if (tool === undefined)
    return { outcome: failed(call.name, { kind: "unknown-tool", tools: [...settings.tools.keys()] }) };
  const invalid = (problem: string) => ({ outcome: failed(call.name, { kind: "invalid-arguments", problem }) });
  if (call.problem !== undefined) return invalid(call.problemMessage ?? "they do not fit.");
  if (!canBeCopied(call.arguments)) return invalid("arguments is nested too deeply.");
  const first = await read(tool, call.arguments, signal);
  if (!first.ok) return invalid(first.problem);
  const approval = await approve(call, settings, signal);
  if (!approval.allow) return { outcome: failed(call.name, { kind: "refused", reason: approval.reason }) };
  if (approval.arguments === undefined) return { tool, args: first.value };
  if (!canBeCopied(approval.arguments))
    throw invalidArgument("JSON", "the arguments from approve", approval.arguments, { param: "approve" });
  const edited = await read(tool, approval.arguments, signal);
  return edited.ok ? { tool, args: edited.value } : invalid(edited.problem);
}

function canBeCopied(args: unknown): boolean {
  try {
    structuredClone(args);
    return true;
  } catch {
    return false;
  }
}

/** The schema's own checks are the caller's code, and may wait. What it gives is nobody else's object. */
function read(tool: Tool, args: unknown, signal: AbortSignal): Promise<SchemaCheck<unknown>> {
  return unlessAborted(() => tool.schema.parse(structuredClone(args), "arguments"), signal);
}

async function approve(
  call: ToolCall,
  { approve: ask }: ToolSettings,
  signal: AbortSignal,
): Promise<{ allow: boolean; arguments?: unknown; reason?: string | undefined }> {
  if (ask === undefined) return { allow: true };
  let answer: Approval | CaduceusError;
  try {
    answer = await unlessAborted(
      async () =>
        readApproval(
          await ask({ id: call.id, name: call.name, arguments: structuredClone(call.arguments) }, { signal }),
        ),
      signal,
    );
  } catch (error) {
    signal.throwIfAborted();
    return { allow: false, reason: describeThrown(error) };
  }
  if (answer instanceof CaduceusError) throw answer;
  if (typeof answer === "boolean") return { allow: answer };
  if (typeof answer === "object" && answer !== null && typeof answer.allow === "boolean") return answer;
  throw invalidArgument("true, false or an object with allow", "the answer of approve", answer, { param: "approve" });
}

/** The caller's object, whose getters may throw. An error is given where it has other names than it may. */
function readApproval(answer: Approval): Approval | CaduceusError {
  if (typeof answer !== "object" || answer === null) return answer;
  const { options, problem } = readOptions(answer, "the answer of approve", ["allow", "arguments", "reason"]);
  if (problem !== undefined && "cause" in problem) throw problem.cause;
  if (problem !== undefined) return problem;
  const { allow, arguments: args, reason } = options;
  if (typeof allow !== "boolean") return answer;
  return allow
    ? { allow, arguments: args }
    : { allow, ...(reason === undefined ? {} : { reason: describeThrown(reason) }) };
}

async function runHandler(
  tool: Tool,
  args: unknown,
  call: ToolCall,
  settings: ToolSettings,
  signal: AbortSignal,
): Promise<Outcome> {
  const timeoutMs = tool.timeoutMs ?? settings.toolTimeoutMs;
  const timeout = new AbortController();
  const late = new DOMException(`The handler of ${tool.name} took longer than ${timeoutMs} ms.`, "TimeoutError");
  // Beyond what a timer can hold there is none.
  const timer = timeoutMs <= 0x7fffffff ? setTimeout(() => timeout.abort(late), timeoutMs) : undefined;
  const begun = performance.now();
  const took = () => performance.now() - begun;
  const ending = AbortSignal.any([signal, timeout.signal]);
  try {
    const result = await unlessAborted(async () => tool.execute?.(args, { signal: ending, callId: call.id }), ending);
    const { content, problem, leftOutChars } = writeToolResult(tool.name, result, {
      maxChars: settings.maxResultChars,
    });
    return {
      result,
      ...(problem === undefined ? {} : { error: new Error(problem), failure: "unwritable" as const }),
      content,
      leftOutChars,
      durationMs: took(),
    };
  } catch (error) {
    signal.throwIfAborted();
    const failure = timeout.signal.aborted
      ? ({ kind: "timeout", timeoutMs } as const)
      : ({ kind: "threw", error } as const);
    return { ...failed(tool.name, failure), error, durationMs: took() };
  } finally {
    clearTimeout(timer);
  }
}

function failed(name: string, failure: Exclude<CallFailure, { kind: "malformed" }>): Outcome {
  const { content, problem } = writeCallFailure(name, failure);
  return { error: new Error(problem), failure: failure.kind, content, leftOutChars: 0, durationMs: 0 };
}

/** Runs so many at a time, in the order given. */
function limited(most: number): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (running >= most) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
}
