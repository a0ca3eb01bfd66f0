// What the check of a value by one schema comes to.
import { step, type SchemaIssue } from "../json_schema.js";
import type { Place } from "./value_place.js";

/** Written out at the end only: most are of alternatives that nobody asks about. */
export interface Issue {
  readonly place: Place;
  /** The part of the place that it is about. */
  readonly part?: string | number;
  readonly message: () => string;
}

/** What one schema says of one place. */
export interface Verdict {
  readonly issues: readonly Issue[];
  /** Names and indexes that a keyword has judged, where anybody asks for them. */
  readonly judged: ReadonlySet<string | number>;
}

export const nothing: ReadonlySet<never> = new Set<never>();
export const fits: Verdict = { issues: [], judged: nothing };

export const written = ({ place, part, message }: Issue): SchemaIssue => ({
  path: place.path + (part === undefined ? "" : step(part)),
  message: message(),
});
