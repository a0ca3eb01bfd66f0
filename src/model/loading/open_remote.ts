// From addresses of servers and options to a model: check, ask the servers what they are, learn the vocabulary.
import { Fleet } from "../../engine/remote/fleet/fleet.js";
import { openServer } from "../../engine/remote/detect_server.js";
import { RemoteEngine } from "../../engine/remote/remote_engine.js";
import { OneServer } from "../../engine/remote/remote_server.js";
import { RetryPolicy } from "../../engine/remote/retry_policy.js";
import { checkConnectOptions, checkServerUrls } from "./connect_options.js";
import { LoadedModel } from "./loaded_model.js";

export async function openRemote(address: unknown, options: unknown): Promise<LoadedModel> {
  const urls = checkServerUrls(address);
  const { connection, serverOptions, retries, format, signal } = checkConnectOptions(options);
  signal?.throwIfAborted();
  const policy = new RetryPolicy(retries);
  const open = (url: string, opening = signal) => openServer({ ...connection, url }, serverOptions, policy, opening);
  const servers = typeof urls === "string" ? new OneServer(await open(urls)) : await Fleet.open(urls, open, signal);
  const engine = new RemoteEngine(servers, policy);
  try {
    const loaded = await LoadedModel.of(engine, format);
    signal?.throwIfAborted();
    return loaded;
  } catch (error) {
    await engine.close();
    throw error;
  }
}
