// Model files: their names, finding, fetching and verifying them; and data to evaluate models with.
export { aliasNames, readModelName } from "./aliases.js";
export { berkeleyVersion, fetchBerkeleyData } from "./berkeley_data.js";
export { cacheFolder, defaultPrefixFolder, modelFolder } from "./cache_folder.js";
export { gibibytes } from "./disk_space.js";
export type { DownloadEndMessage, DownloadRetryMessage, DownloadStartMessage, FetchProgress } from "./download_events.js";
export { embeddedModel, fetchEmbeddedModel, hasEmbeddedModel, type FetchOptions } from "./embedded_model.js";
export { findRemoteModel, remoteAddress, type RemoteModel } from "./fetch_hub_model.js";
export { hubCacheFolder, readHubSettings } from "./hub_settings.js";
export { findLocalModel } from "./local_models.js";
export { quantizationOf } from "./model_files.js";
export { readRemoteRange } from "./remote_range.js";
export { filesOf, resolveModel, type ResolvedModel } from "./resolve_model.js";
export { listModels, pullModel, removeModel, type StoredModel } from "./stored_models.js";
