// Measures models with published data sets: samples, scores and reports.
export { readBerkeleySet } from "./berkeley/berkeley_data.js";
export { berkeleyCategories, type BerkeleyCategory } from "./berkeley/berkeley_set.js";
export { readFunctionCallingSet } from "./function_calling_set.js";
export { readJsonModeSet } from "./json_mode_set.js";
export { EvaluationError } from "./outcome.js";
export { judge, makeReport, writeReport, type Report } from "./report.js";
export type { AskSettings } from "./run/request_options.js";
export { ResultsFile, type RunIdentity } from "./run/results_file.js";
export { limitGroups, runEvaluation } from "./run/run_evaluation.js";
export type { Answer, DataSet, Sample } from "./sample.js";
