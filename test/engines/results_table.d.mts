// Types of results_table.mjs, which is a program as well.

/** The table as it should be. */
export function resultsTable(): string;

/** The table as docs/scaling.md has it. */
export function tableOfPage(): string;
