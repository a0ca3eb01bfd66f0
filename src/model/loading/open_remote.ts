// From the address of a server and options to a model: check, ask the server what it is, learn the vocabulary.
import { openServer } from "../../engine/remote/detect_server.js";
import { RemoteEngine } from "../../engine/remote/remote_engine.js";
import { OneServer } from "../../engine/remote/remote_server.js";
import { RetryPolicy } from "../../engine/remote/retry_policy.js";
import { checkConnectOptions, checkServerUrl } from "./connect_options.js";
import { LoadedModel } from "./loaded_model.js";

export async function openRemote(address: unknown, options: unknown): Promise<LoadedModel> {
  const url = checkServerUrl(address);
  const { connection, wish, retries, format, signal } = checkConnectOptions(options);
  signal?.throwIfAborted();
  const policy = new RetryPolicy(retries);
  const server = await openServer({ ...connection, url }, wish, policy, signal);
  const engine = new RemoteEngine(new OneServer(server), policy);
  try {
    const loaded = await LoadedModel.of(engine, format);
    signal?.throwIfAborted();
    return loaded;
  } catch (error) {
    await engine.close();
    throw error;
  }
}
