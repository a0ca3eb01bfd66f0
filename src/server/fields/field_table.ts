// What becomes of each field that an API documents: honored, refused by name, or without effect on the answer.
// docs/server.md shows the tables of all endpoints; a test compares the two.

export interface FieldEntry {
  /** With the object it stands in: `stream_options.include_usage`. */
  readonly name: string;
  readonly does: "honored" | "refused" | "nothing";
  /** What it means; what to do instead; or why it changes nothing. */
  readonly note: string;
  /** Of a refused field: the values that ask for nothing, and pass. */
  readonly neutral?: readonly unknown[];
}

export const honored = (name: string, note: string): FieldEntry => ({ name, note, does: "honored" });
export const nothing = (name: string, note: string): FieldEntry => ({ name, note, does: "nothing" });
export const refused = (name: string, note: string, neutral: readonly unknown[] = []): FieldEntry => ({
  name,
  note,
  does: "refused",
  neutral,
});

/** The fields of one endpoint. */
export class FieldTable {
  /** Its own, as they are documented. */
  readonly own: readonly FieldEntry[];
  /** What a misspelled name may have meant, and how it is compared. */
  readonly counting: ReadonlyArray<{ readonly name: string; readonly plain: string }>;
  readonly longestName: number;
  readonly #entries: ReadonlyMap<string, FieldEntry>;
  /** Objects whose own fields stand in the table. */
  readonly #objects: ReadonlySet<string>;

  /**
   * @param strangers fields of other endpoints: those that are honored or refused there are refused here, with `note`
   */
  constructor(own: readonly FieldEntry[], strangers: readonly FieldEntry[] = [], note = "") {
    this.own = own;
    this.#entries = new Map(
      [
        ...strangers.map(
          (entry): FieldEntry => (entry.does === "nothing" ? entry : { ...entry, does: "refused", note }),
        ),
        ...own,
      ].map((entry) => [entry.name, entry]),
    );
    const entries = [...this.#entries.values()];
    this.#objects = new Set(entries.flatMap(({ name }) => objectsOf(name)));
    this.counting = entries
      .filter(({ does }) => does !== "nothing")
      .map(({ name }) => ({ name, plain: plainName(name) }));
    this.longestName = Math.max(...entries.map(({ name }) => name.length));
  }

  get(path: string): FieldEntry | undefined {
    return this.#entries.get(path);
  }

  values(): Iterable<FieldEntry> {
    return this.#entries.values();
  }

  isObject(path: string): boolean {
    return this.#objects.has(path);
  }
}

/** `a` and `a.b` for `a.b.c`. */
function objectsOf(name: string): string[] {
  const steps = name.split(".");
  return steps.slice(1).map((_, index) => steps.slice(0, index + 1).join("."));
}

export function plainName(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, "");
}
