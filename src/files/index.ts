// Finding model files: aliases, paths, and the one model that can be fetched; and data to evaluate models with.
export { aliasNames } from "./aliases.js";
export { berkeleyVersion, fetchBerkeleyData } from "./berkeley_data.js";
export { cacheFolder, defaultPrefixFolder, modelFolder } from "./cache_folder.js";
export { embeddedModel, fetchEmbeddedModel, hasEmbeddedModel, type FetchOptions } from "./embedded_model.js";
export { resolveModel, type ResolvedModel } from "./resolve_model.js";
