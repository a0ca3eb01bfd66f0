// Model files: their names, finding, fetching and verifying them; and data to evaluate models with.
export { aliasNames, readModelName } from "./local/aliases.js";
export { berkeleyVersion, fetchBerkeleyData } from "./packages/berkeley_package.js";
export { cacheFolder, defaultPrefixFolder, modelFolder } from "./local/cache_folder.js";
export { checkDiskSpace, gibibytes } from "./local/disk_space.js";
export type {
  DownloadEndMessage,
  DownloadRetryMessage,
  DownloadStartMessage,
  FetchProgress,
} from "./hub/download_events.js";
export { defaultModel, fetchDefaultModel, hasDefaultModel, type FetchOptions } from "./packages/default_model.js";
export { findRemoteModel, remoteAddress, type RemoteModel } from "./hub/fetch_hub_model.js";
export { hubCacheFolder, readHubSettings } from "./hub/hub_settings.js";
export { findLocalModel, listFolderModels } from "./local/local_models.js";
export { quantizationOf } from "./local/model_files.js";
export { readRemoteRange } from "./hub/remote_range.js";
export { filesOf, resolveModel, type ResolvedModel } from "./local/resolve_model.js";
export { listModels, pullModel, removeModel, type StoredModel } from "./local/stored_models.js";
