// The result of checking one place of a value against one schema.
import { step, type SchemaIssue } from "../json_schema.js";
import type { Place } from "./value_place.js";

/** Issues are written out at the end only: most belong to alternatives that did not apply. */
export interface Issue {
  readonly place: Place;
  /** The property or index within the place, if the issue is about one. */
  readonly part?: string | number;
  readonly message: () => string;
}

/** Result of one schema for one place. */
export interface Verdict {
  readonly issues: readonly Issue[];
  /** Property names and indexes that a keyword has evaluated; filled only if `unevaluated…` needs them. */
  readonly judged: ReadonlySet<string | number>;
}

export const nothing: ReadonlySet<never> = new Set<never>();
export const fits: Verdict = { issues: [], judged: nothing };

export const written = ({ place, part, message }: Issue): SchemaIssue => ({
  path: place.path + (part === undefined ? "" : step(part)),
  message: message(),
});
