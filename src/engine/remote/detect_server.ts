// Which API a server has, and which of its models is meant.
import { CaduceusError, invalidArgument } from "../../errors.js";
import { CaduceusServer } from "./dialects/caduceus.js";
import { LlamaServer } from "./dialects/llama_server.js";
import { OpenAiServer } from "./dialects/openai.js";
import { VllmServer } from "./dialects/vllm.js";
import { AnswerFields } from "./http/answer_fields.js";
import { ServerConnection, type ConnectionSettings } from "./http/server_connection.js";
import { invalidAnswer } from "./http/upstream_errors.js";
import type { RemoteServer, ServerKind } from "./remote_server.js";
import type { RetryPolicy } from "./retry_policy.js";
import type { ListedModel, OpenServerOptions } from "./open_server_options.js";

/** What servers call themselves as the owners of their models. */
const owners: Readonly<Record<string, ServerKind>> = {
  caduceus: "caduceus",
  llamacpp: "llama-server",
  vllm: "vllm",
};

/** Asks a server what it is. The connection is closed where that fails. */
export async function openServer(
  settings: ConnectionSettings,
  options: OpenServerOptions,
  retries: RetryPolicy,
  signal?: AbortSignal,
): Promise<RemoteServer> {
  const connection = new ServerConnection(settings);
  try {
    const models = await retries.run(() => listModels(connection, signal), signal);
    const model = chooseModel(models, options.model, settings.url);
    const kind = options.engine ?? owners[model.fields.text("owned_by") ?? ""] ?? "openai";
    if (kind === "caduceus") return await CaduceusServer.open(connection, model.id, signal);
    if (kind === "llama-server") return await LlamaServer.open(connection, model, options, signal);
    if (kind === "vllm") return await VllmServer.open(connection, model, options, signal);
    return new OpenAiServer(connection, model, options);
  } catch (error) {
    connection.close();
    throw error;
  }
}

async function listModels(connection: ServerConnection, signal: AbortSignal | undefined): Promise<ListedModel[]> {
  const { url } = connection;
  const answer = new AnswerFields(await connection.ask("/v1/models", { signal }), url);
  return answer.required("data", answer.list).map((one) => {
    const fields = new AnswerFields(one, url, "its list of models");
    return { id: fields.required("id", fields.text), fields };
  });
}

function chooseModel(models: readonly ListedModel[], wanted: string | undefined, url: string): ListedModel {
  if (wanted !== undefined) {
    const found = models.find(({ id }) => id === wanted);
    if (found !== undefined) return found;
    throw new CaduceusError("MODEL_NOT_FOUND", `The server ${url} has no model ${JSON.stringify(wanted)}.`, {
      param: "model",
      remedy: `It has ${named(models)}.`,
    });
  }
  // Adapters are listed as models that have another as their parent.
  const own = models.filter(({ fields }) => !fields.has("parent"));
  const [first, ...others] = own;
  if (first === undefined) throw invalidAnswer(url, "a list of models that is empty");
  if (others.length > 0)
    throw invalidArgument(`the name of one of the server's models: ${named(own)}`, "model", undefined);
  return first;
}

const named = (models: readonly ListedModel[]) =>
  models
    .slice(0, 20)
    .map(({ id }) => JSON.stringify(id.slice(0, 100)))
    .join(", ");
