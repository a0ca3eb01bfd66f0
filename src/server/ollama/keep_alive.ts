// `keep_alive` of Ollama's requests: how long a model stays loaded without use.
import { describe } from "../../errors.js";
import { parseDuration } from "../../options/duration.js";
import { type Fields, invalidContent } from "../fields/read_fields.js";

/** What a timer can wait; longer is for ever. */
const longestMs = 0x7fffffff;
/** Longer texts are no durations. */
const longestText = 50;

/** As an option of the pool: false keeps it for ever, and undefined leaves it as it is. */
export function readKeepAlive(body: Fields): number | false | undefined {
  const value = body.value("keep_alive");
  if (value === undefined) return undefined;
  const milliseconds =
    typeof value === "number"
      ? value * 1_000
      : typeof value === "string" && value.length <= longestText
        ? parseDuration(value)
        : undefined;
  if (milliseconds === undefined)
    throw invalidContent("keep_alive", 'a number of seconds or a duration such as "5m"', describe(value));
  return milliseconds < 0 || milliseconds > longestMs ? false : Math.round(milliseconds);
}
